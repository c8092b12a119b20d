// Reading a SQLite ledger: events in tree order, of one session, of all whose ids begin alike, or
// of everybody. SQLite answers while nothing else runs, so one page costs a bounded number of
// events, however many there are that nobody asked for.

import type { Database, SQLQueryBindings } from "bun:sqlite";
import { fittingCount } from "../fitting.ts";
import { type EventRow, eventOf } from "../rows.ts";
import type { ChainPage, ChainQuery, StoredEvent } from "../store.ts";
import { eventColumns, fromEvents, hasManySessions, range } from "./chains.ts";
import { createMerge } from "./merge-sessions.ts";

/** Events looked at for one page where not every one is asked for. */
const lookedAtMax = 2000;

/** SQLite takes a CROSS JOIN in the order in which it is written. */
const fromEventsInOrder = "FROM event e CROSS JOIN session s ON s.num = e.session";

export function readChain(db: Database, query: ChainQuery): ChainPage {
  const { session, prefix } = query;
  if (session !== undefined) return ofSession(db, query, session);
  if (prefix === undefined) return ofEverybody(db, query);
  return hasManySessions(db, prefix) ? ofMany(db, query, prefix) : ofFew(db, query, prefix);
}

/** Within a session seq and idx run alike, and seq is what its index is sorted by. */
function ofSession(db: Database, query: ChainQuery, id: string): ChainPage {
  const sql = "SELECT num FROM session WHERE id = ?";
  const num = db.query<{ num: number }, [string]>(sql).get(id)?.num;
  if (num === undefined) return { events: [], next: undefined };
  const first = createMerge(db).firstBehind(num, query.after);
  const end = isFiltered(query) ? first + Math.max(lookedAtMax, query.limit) : Infinity;
  const terms: Term[] = [
    ["e.session = ?", num],
    ["e.seq >= ?", first],
    ["e.idx > ?", query.after],
  ];
  if (end !== Infinity) terms.push(["e.seq < ?", end]);
  const theirs = [...terms, ...filterOf(query)];
  const { events, limit } = select(db, fromEvents, theirs, "e.seq", query.limit);
  if (events.length === limit || end === Infinity) return full({ events, limit });
  return { events, next: lastBefore(db, num, end, query.after) };
}

/** Where to go on behind the last event before `end`; undefined: there is none from `end` on. */
function lastBefore(db: Database, num: number, end: number, after: number): number | undefined {
  const later = "SELECT 1 FROM event WHERE session = ? AND seq >= ? LIMIT 1";
  if (db.query<object, [number, number]>(later).get(num, end) === null) return undefined;
  const sql = "SELECT idx FROM event WHERE session = ? AND seq < ? ORDER BY seq DESC LIMIT 1";
  const idx = db.query<{ idx: number }, [number, number]>(sql).get(num, end)?.idx ?? -1;
  return Math.max(idx, after);
}

function ofEverybody(db: Database, query: ChainQuery): ChainPage {
  const terms: Term[] = [["e.idx > ?", query.after]];
  if (!isFiltered(query)) {
    return full(select(db, fromEvents, terms, "e.idx", query.limit));
  }
  return inWindow(db, query, fromEvents, []);
}

/** The next events of a tenant with many sessions are never far in the ledger. */
function ofMany(db: Database, query: ChainQuery, prefix: string): ChainPage {
  const [from, to] = range(prefix);
  const theirs: Term[] = [
    ["s.id >= ?", from],
    ["s.id < ?", to],
  ];
  return inWindow(db, query, fromEventsInOrder, theirs);
}

function inWindow(db: Database, query: ChainQuery, from: string, theirs: Term[]): ChainPage {
  const { after } = query;
  // One aggregate each: SQLite finds two of them by reading all there is.
  const sql =
    "SELECT (SELECT min(idx) FROM event WHERE idx > ?) AS first, " +
    "(SELECT max(idx) FROM event) AS last";
  const left = db.query<{ first: number | null; last: number | null }, [number]>(sql).get(after);
  if (left?.first == null || left.last === null) return { events: [], next: undefined };
  // What was purged leaves gaps.
  const end = left.first + Math.max(lookedAtMax, query.limit);
  const terms: Term[] = [["e.idx >= ?", left.first], ["e.idx < ?", end], ...theirs];
  const page = select(db, from, [...terms, ...filterOf(query)], "e.idx", query.limit);
  const { events, limit } = page;
  if (events.length === limit) return full(page);
  return { events, next: left.last >= end ? end - 1 : undefined };
}

/** Those of a few sessions may lie anywhere: each session's index is followed, side by side. */
function ofFew(db: Database, query: ChainQuery, prefix: string): ChainPage {
  const wanted = isFiltered(query) ? Math.max(lookedAtMax, query.limit) : query.limit;
  const { indexes, isEnd } = createMerge(db).next(range(prefix), query.after, wanted);
  const found: Term = ["e.idx IN (SELECT value FROM json_each(?))", JSON.stringify(indexes)];
  const page = select(db, fromEvents, [found, ...filterOf(query)], "e.idx", query.limit);
  const { events, limit } = page;
  const last = indexes.at(-1);
  if (last === undefined) return { events, next: undefined };
  if (events.length === limit && events.at(-1)?.index !== last) return full(page);
  return { events, next: isEnd ? undefined : last };
}

type Term = readonly [sql: string, bound: SQLQueryBindings];

function isFiltered({ type, fromUnixMs, toUnixMs }: ChainQuery): boolean {
  return type !== undefined || fromUnixMs !== undefined || toUnixMs !== undefined;
}

function filterOf({ type, fromUnixMs, toUnixMs }: ChainQuery): Term[] {
  const terms: Term[] = [];
  if (type !== undefined) terms.push(["e.type = ?", type]);
  if (fromUnixMs !== undefined) terms.push(["e.ts_ms >= ?", fromUnixMs]);
  if (toUnixMs !== undefined) terms.push(["e.ts_ms <= ?", toUnixMs]);
  return terms;
}

interface Selected {
  readonly events: readonly StoredEvent[];
  /** As many as there could have been. */
  readonly limit: number;
}

function select(
  db: Database,
  from: string,
  terms: readonly Term[],
  order: "e.idx" | "e.seq",
  most: number,
): Selected {
  const where = terms.map(([sql]) => sql).join(" AND ");
  const rest = `${from} WHERE ${where} ORDER BY ${order} LIMIT ?`;
  const bound = terms.map(([, value]) => value);
  const sizes = db
    .query<{ size: number }, SQLQueryBindings[]>(`SELECT octet_length(e.body) AS size ${rest}`)
    .all(...bound, most)
    .map(({ size }) => size);
  const fitting = fittingCount(sizes);
  const limit = fitting < sizes.length ? fitting : most;
  const events = db
    .query<EventRow, SQLQueryBindings[]>(`SELECT ${eventColumns} ${rest}`)
    .all(...bound, limit)
    .map((row) => eventOf(row));
  return { events, limit };
}

function full({ events, limit }: Selected): ChainPage {
  return { events, next: events.length < limit ? undefined : events.at(-1)?.index };
}
