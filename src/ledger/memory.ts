// A ledger's rows in memory: for tests and for runs that keep nothing. It forgets everything when
// the process ends, so "durable" here means only that the promise resolved.

import { AegisError } from "../base/errors.ts";
import type { SessionId } from "../base/ids.ts";
import { eventPageMaxBytes } from "../base/limits.ts";
import type { EventFilter } from "./contract.ts";
import type { LogRecord } from "./control/contract.ts";
import { columnFilter, matchesColumns, matchesSearch } from "./filter.ts";
import { fittingCount } from "./fitting.ts";
import { readSealed } from "./seal.ts";
import type { SessionState } from "./session-state.ts";
import {
  type Addition,
  type ChainPage,
  type ChainQuery,
  type ManyBase,
  type PolicyLoadRow,
  type Purge,
  type PurgedEvent,
  type Snapshot,
  type Store,
  type StoredCheckpoint,
  type StoredEvent,
  storedLevelMin,
} from "./store.ts";
import {
  appendLeaves,
  emptyTree,
  type Hash,
  rootOf,
  type TreeHead,
  type TreeNode,
} from "./tree/merkle.ts";

/** The rows themselves; tests reach in to play the attacker. */
export interface MemoryRows {
  head: TreeHead;
  readonly events: StoredEvent[];
  /** In tree order. */
  readonly purged: PurgedEvent[];
  /** In the order they were opened. */
  readonly sessions: Map<SessionId, SessionState>;
  readonly policyLoads: PolicyLoadRow[];
  readonly nodes: TreeNode[];
  readonly checkpoints: StoredCheckpoint[];
  readonly records: Map<string, LogRecord>;
}

/** `failures` makes the next append fail: before anything is stored, or after all of it is. */
export interface MemoryStore extends Store {
  readonly rows: MemoryRows;
  failNextAppend(when: "before write" | "after write"): void;
}

export function createMemoryStore(origin: string): MemoryStore {
  const rows: MemoryRows = {
    head: emptyTree,
    events: [],
    purged: [],
    sessions: new Map(),
    policyLoads: [],
    nodes: [],
    checkpoints: [],
    records: new Map(),
  };
  let failing: "before write" | "after write" | undefined;
  let isBroken = false;

  return {
    origin,
    rows,
    failNextAppend(when) {
      failing = when;
    },
    async append(session, build) {
      if (isBroken) throw unavailable();
      const addition = build({ head: rows.head, session: rows.sessions.get(session) });
      isBroken = failing !== undefined;
      if (failing !== "before write") add(rows, addition);
      if (isBroken) throw unavailable();
    },
    async appendMany(_, build) {
      if (isBroken) throw unavailable();
      const additions = build(manyBase(rows));
      isBroken = failing !== undefined;
      if (failing !== "before write") for (const addition of additions) add(rows, addition);
      if (isBroken) throw unavailable();
    },
    ...recordsOf(rows),
    chain: async (query) => chainOf(rows, query),
    event: async (session, seq) => eventIn(rows, session, seq),
    sessionsUnder: async (...given) => sessionsUnder(rows, ...given),
    async addCheckpoint(checkpoint) {
      if (!rows.checkpoints.some(({ size }) => size === checkpoint.size)) {
        rows.checkpoints.push(checkpoint);
        rows.checkpoints.sort((a, b) => a.size - b.size);
      }
    },
    head: async () => rows.head,
    async sessions({ last, name }) {
      const all = [...rows.sessions.values()].reverse();
      return all.filter((session) => name === undefined || session.name === name).slice(0, last);
    },
    session: async (id) => rows.sessions.get(id),
    ...eventsOf(rows),
    scrub: async () => undefined,
    snapshot: async () => snapshotOf(origin, rows),
    close: async () => undefined,
  };
}

function sessionsUnder(
  rows: MemoryRows,
  prefix: string,
  last: number,
  before?: SessionId,
): readonly SessionState[] {
  const newest = [...rows.sessions.values()].reverse();
  const behind = before === undefined ? -1 : newest.findIndex(({ id }) => id === before);
  const older = newest.slice(behind + 1);
  return older.filter(({ id }) => id.startsWith(prefix)).slice(0, last);
}

type EventReading = "events" | "eventsFrom" | "indexOf" | "policyLoads" | "checkpoints" | "nodes";

function eventsOf(rows: MemoryRows): Pick<Store, EventReading> {
  return {
    events: async (filter, { limit, offset }) => {
      const found = rows.events.filter((event) => matches(rows, filter, event)).reverse();
      return { events: found.slice(offset, offset + limit), total: found.length };
    },
    eventsFrom: async (first, limit) => eventsFrom(rows.events, first, limit),
    indexOf: async (session, seq) =>
      rows.events.find((event) => event.session === session && event.seq === seq)?.index,
    policyLoads: async (last) => [...rows.policyLoads].reverse().slice(0, last),
    checkpoints: async (last) => [...rows.checkpoints].reverse().slice(0, last),
    nodes: async (places) =>
      places.map(({ level, position }) => subtreeRoot(rows, level, position)),
  };
}

function eventsFrom(events: readonly StoredEvent[], first: number, limit: number) {
  const page = from(events, first, limit);
  return page.slice(0, fittingCount(page.map(({ body }) => body.length)));
}

function manyBase(rows: MemoryRows): ManyBase {
  return {
    head: rows.head,
    session: (id) => rows.sessions.get(id),
    event: (id, seq) => eventIn(rows, id, seq),
    record: (kind, key) => rows.records.get(recordKey(kind, key)),
  };
}

type RecordMethods = "putRecord" | "removeRecord" | "record" | "records";

function recordsOf(rows: MemoryRows): Pick<Store, RecordMethods> {
  return {
    async putRecord(record, expected) {
      const key = recordKey(record.kind, record.key);
      if (rows.records.get(key)?.json !== expected) return false;
      rows.records.set(key, record);
      return true;
    },
    async removeRecord({ kind, key, json }) {
      const isThere = rows.records.get(recordKey(kind, key))?.json === json;
      return isThere && rows.records.delete(recordKey(kind, key));
    },
    record: async (kind, key) => rows.records.get(recordKey(kind, key)),
    records: async (kind, prefix, limit, after) =>
      [...rows.records.values()]
        .filter((record) => record.kind === kind && record.key.startsWith(prefix))
        .filter(({ key }) => after === undefined || key > after)
        .sort((a, b) => (a.key < b.key ? -1 : 1))
        .slice(0, limit),
  };
}

function add(rows: MemoryRows, addition: Addition): void {
  const encoder = new TextEncoder();
  for (const event of addition.events) {
    rows.events.push({ ...event, body: encoder.encode(event.body) });
  }
  rows.head = addition.head;
  rows.nodes.push(...addition.nodes);
  rows.sessions.set(addition.session.id, addition.session);
  if (addition.policyLoad !== undefined) rows.policyLoads.push(addition.policyLoad);
  for (const record of addition.records ?? []) {
    rows.records.set(recordKey(record.kind, record.key), record);
  }
  if (addition.purge !== undefined) purge(rows, addition.purge);
}

function purge(rows: MemoryRows, { sessions, records }: Purge): void {
  for (const session of sessions) rows.sessions.set(session.id, session);
  const gone = new Set(sessions.map(({ id }) => id));
  const [out, kept] = [rows.events.filter(isOut), rows.events.filter((event) => !isOut(event))];
  function isOut({ session }: StoredEvent): boolean {
    return gone.has(session);
  }
  rows.events.splice(0, rows.events.length, ...kept);
  rows.purged.push(...out.map(({ index, session, leaf }) => ({ index, session, leaf })));
  rows.purged.sort((a, b) => a.index - b.index);
  for (const { kind, key } of records) rows.records.delete(recordKey(kind, key));
}

/** @param all in tree order, though some may be missing */
function from<T extends { readonly index: number }>(
  all: readonly T[],
  first: number,
  limit: number,
): readonly T[] {
  const isWhole = all[first]?.index === first;
  const at = isWhole ? first : all.findIndex(({ index }) => index >= first);
  return at < 0 ? [] : all.slice(at, at + limit);
}

function recordKey(kind: string, key: string): string {
  return `${kind}\0${key}`;
}

function eventIn(rows: MemoryRows, session: SessionId, seq: number): StoredEvent | undefined {
  return rows.events.find((event) => event.session === session && event.seq === seq);
}

/** Looked at all at once: what is in memory is small. */
function chainOf(rows: MemoryRows, query: ChainQuery): ChainPage {
  const { session, prefix, type, fromUnixMs, toUnixMs, after, limit } = query;
  const isWanted = (event: StoredEvent) =>
    (session === undefined || event.session === session) &&
    (prefix === undefined || event.session.startsWith(prefix)) &&
    (type === undefined || event.type === type) &&
    (fromUnixMs === undefined || event.tsUnixMs >= fromUnixMs) &&
    (toUnixMs === undefined || event.tsUnixMs <= toUnixMs);
  const events: StoredEvent[] = [];
  let bytes = 0;
  for (let at = placeBehind(rows.events, after); events.length < limit; at++) {
    const event = rows.events[at];
    if (event === undefined) return { events, next: undefined };
    if (!isWanted(event)) continue;
    bytes += event.body.length;
    if (events.length > 0 && bytes > eventPageMaxBytes) break;
    events.push(event);
  }
  return { events, next: events.at(-1)?.index };
}

/** Where in a list in tree order the events behind `after` begin. */
function placeBehind(events: readonly StoredEvent[], after: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((events[middle]?.index ?? Infinity) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

function matches(rows: MemoryRows, filter: EventFilter, event: StoredEvent): boolean {
  const name = rows.sessions.get(event.session)?.name ?? "";
  if (!matchesColumns(columnFilter(filter), event, name)) return false;
  if (filter.search === undefined) return true;
  const payload = readSealed(event.body)?.payload;
  return payload !== undefined && matchesSearch(payload, filter.search.toLowerCase());
}

function subtreeRoot({ events, purged }: MemoryRows, level: number, position: number): Hash {
  const [first, size] = [position * 2 ** level, 2 ** level];
  const isIn = ({ index }: PurgedEvent) => index >= first && index < first + size;
  const leaves: readonly PurgedEvent[] =
    purged.length === 0
      ? events.slice(first, first + size)
      : [...events, ...purged].filter(isIn).sort((a, b) => a.index - b.index);
  const hashes = leaves.map(({ leaf }) => leaf);
  return rootOf(appendLeaves(emptyTree, hashes, () => undefined));
}

function snapshotOf(origin: string, rows: MemoryRows): Snapshot {
  const copy = {
    head: rows.head,
    events: [...rows.events],
    purged: [...rows.purged],
    sessions: [...rows.sessions.values()],
    policyLoads: [...rows.policyLoads],
    nodes: [...rows.nodes],
    checkpoints: [...rows.checkpoints],
    records: [...rows.records].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record),
  };
  return {
    origin,
    head: () => copy.head,
    eventsFrom: (first, limit) => eventsFrom(copy.events, first, limit),
    purgedFrom: (first, limit) => from(copy.purged, first, limit),
    sessions: () => copy.sessions,
    policyLoads: () => copy.policyLoads,
    policies: () => copy.policyLoads.map(({ snapshot }) => snapshot),
    nodes: () => copy.nodes.filter(({ level }) => level >= storedLevelMin),
    checkpoints: () => copy.checkpoints,
    recordsFrom(after, limit) {
      const from = after === undefined ? 0 : copy.records.indexOf(after) + 1;
      return copy.records.slice(from, from + limit);
    },
    schemaProblems: () => [],
    close: () => undefined,
  };
}

function unavailable(): AegisError {
  return new AegisError("ledger/unavailable", "Cannot write to the ledger: its memory failed");
}
