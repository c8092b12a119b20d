// The events of several sessions in tree order, by the index over (session, seq) alone: a page
// costs what it holds and a few look-ups for each session, not what the sessions hold.

import type { Database } from "bun:sqlite";

interface Place {
  readonly seq: number;
  readonly idx: number;
}

/** First and last place in the tree of a session's events; null: it has none. */
interface Span {
  readonly num: number;
  readonly first: number | null;
  readonly last: number | null;
}

/** One session while it is merged: what was read of it and not taken yet. */
interface Cursor {
  readonly num: number;
  readonly ahead: Place[];
  /** From which `seq` on nothing was read yet. */
  from: number;
  isRead: boolean;
  /** How many are read next; twice as many each time. */
  size: number;
}

export interface Merge {
  /** `seq` of a session's first event behind this place in the tree. */
  firstBehind(num: number, after: number): number;
  /** The next places in the tree of sessions whose ids lie in a range. */
  next(
    ids: readonly [from: string, to: string],
    after: number,
    wanted: number,
  ): { readonly indexes: readonly number[]; readonly isEnd: boolean };
}

const sizeMin = 8;

export function createMerge(db: Database): Merge {
  const ofSession = "(SELECT e.idx FROM event e WHERE e.session = s.num ORDER BY e.seq";
  const spans = db.query<Span, [string, string]>(
    `SELECT s.num, ${ofSession} LIMIT 1) AS first, ${ofSession} DESC LIMIT 1) AS last ` +
      "FROM session s WHERE s.id >= ? AND s.id < ?",
  );
  const placeFrom = db.query<Place, [number, number]>(
    "SELECT seq, idx FROM event WHERE session = ? AND seq >= ? ORDER BY seq LIMIT 1",
  );
  const lastOf = db.query<Place, [number]>(
    "SELECT seq, idx FROM event WHERE session = ? ORDER BY seq DESC LIMIT 1",
  );
  const seqAt = db.query<{ seq: number }, [number, number]>(
    "SELECT seq FROM event WHERE idx = ? AND session = ?",
  );
  const placesFrom = db.query<Place, [number, number, number]>(
    "SELECT seq, idx FROM event WHERE session = ? AND seq >= ? ORDER BY seq LIMIT ?",
  );

  function firstBehind(num: number, after: number): number {
    const first = placeFrom.get(num, 0);
    if (first === null || first.idx > after) return 0;
    const reached = seqAt.get(after, num);
    if (reached !== null) return reached.seq + 1;
    const last = lastOf.get(num);
    if (last === null || last.idx <= after) return (last?.seq ?? 0) + 1;
    // Between the two: `low` is not behind, `high` is.
    let [low, high] = [first.seq, last.seq];
    while (low + 1 < high) {
      const middle = low + Math.floor((high - low) / 2);
      const place = placeFrom.get(num, middle);
      if (place === null || place.idx > after) high = middle;
      else low = Math.max(place.seq, middle);
    }
    return high;
  }

  function readOn(cursor: Cursor): void {
    const read = placesFrom.all(cursor.num, cursor.from, cursor.size);
    cursor.isRead = read.length < cursor.size;
    cursor.from = (read.at(-1)?.seq ?? cursor.from) + 1;
    cursor.size *= 2;
    cursor.ahead.push(...read);
  }

  return {
    firstBehind,
    next(ids, after, wanted) {
      const left = spans.all(...ids).filter(({ last }) => last !== null && last > after);
      const begun = left.filter((span) => firstOf(span) <= after);
      const waiting = left.filter((span) => firstOf(span) > after);
      const open = begun.map(({ num }) => newCursor(num, firstBehind(num, after)));
      waiting.sort((a, b) => firstOf(b) - firstOf(a));
      return merge({ open, waiting, wanted }, readOn);
    },
  };
}

interface Merging {
  readonly open: readonly Cursor[];
  /** Of which nothing was read yet; what begins first comes last. */
  readonly waiting: Span[];
  readonly wanted: number;
}

function merge(
  { open: begun, waiting, wanted }: Merging,
  readOn: (cursor: Cursor) => void,
): { indexes: readonly number[]; isEnd: boolean } {
  const indexes: number[] = [];
  for (let open = begun; ; ) {
    for (const each of open) if (each.ahead.length === 0 && !each.isRead) readOn(each);
    open = open.filter(({ ahead }) => ahead.length > 0);
    const isOver = open.length === 0 && waiting.length === 0;
    if (isOver || indexes.length >= wanted) {
      return {
        indexes: indexes.slice(0, wanted),
        isEnd: isOver && indexes.length <= wanted,
      };
    }
    // Up to here nothing that was not read yet can come between.
    const sure = Math.min(...open.map(readUpTo));
    const next = waiting.at(-1);
    if (next === undefined || firstOf(next) > sure) {
      indexes.push(...takeUpTo(sure, open));
    } else {
      indexes.push(...takeUpTo(firstOf(next) - 1, open));
      waiting.pop();
      open = [...open, newCursor(next.num, 0)];
    }
  }
}

function newCursor(num: number, from: number): Cursor {
  return { num, ahead: [], from, isRead: false, size: sizeMin };
}

function firstOf({ first }: Span): number {
  return first ?? Infinity;
}

function readUpTo({ ahead, isRead }: Cursor): number {
  return isRead ? Infinity : idxOfLast(ahead);
}

function idxOfLast(places: readonly Place[]): number {
  return places.at(-1)?.idx ?? -1;
}

/** Takes it out of the cursors. @returns in tree order */
function takeUpTo(idx: number, cursors: readonly Cursor[]): readonly number[] {
  const taken: number[] = [];
  for (const { ahead } of cursors) {
    const behind = ahead.findIndex((place) => place.idx > idx);
    const count = behind < 0 ? ahead.length : behind;
    taken.push(...ahead.splice(0, count).map((place) => place.idx));
  }
  return taken.sort((a, b) => a - b);
}
