// Reading a SQLite ledger: queries by filter for people and programs.

import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { SessionId } from "../../base/ids.ts";
import { eventPageMaxBytes } from "../../base/limits.ts";
import type { EventFilter } from "../contract.ts";
import { columnFilter, matchesSearch } from "../filter.ts";
import { fittingCount } from "../fitting.ts";
import {
  bytesOf,
  type CheckpointRow,
  checkpointOf,
  type EventRow,
  eventOf,
  type HeadRow,
  headOf,
  numberOf,
  policyOf,
  type SessionRow,
  sessionColumns,
  sessionIdOf,
  sessionOf,
} from "../rows.ts";
import { readSealed } from "../seal.ts";
import { type Store, type StoredEvent, storedLevelMin } from "../store.ts";
import { appendLeaves, emptyTree, type Hash, type NodePlace, rootOf } from "../tree/merkle.ts";
import { readChain } from "./chain-pages.ts";
import { eventColumns, readEvent, readSessionsUnder } from "./chains.ts";
import { unavailable } from "./error.ts";
import { readRecord, readRecords } from "./records.ts";

type Writing = "append" | "appendMany" | "addCheckpoint" | "putRecord" | "removeRecord" | "scrub";
type Reader = Omit<Store, Writing | "origin" | "snapshot" | "close">;

const fromEvents = "FROM event e LEFT JOIN session s ON s.num = e.session";

export function createReader(db: Database, path: string): Reader {
  /** Every read says which ledger failed. */
  async function read<T>(query: () => T): Promise<T> {
    try {
      return query();
    } catch (error) {
      throw unavailable("read the ledger", path, error);
    }
  }

  return {
    head: () => read(() => readHead(db)),
    sessions: ({ last, name }) => read(() => readSessions(db, last, name)),
    session: (id) => read(() => readSession(db, id)),
    events: (filter, page) => read(() => readEvents(db, filter, page)),
    eventsFrom: (first, limit) =>
      read(() => {
        const sql = `SELECT ${eventColumns} ${fromEvents} WHERE e.idx >= ? ORDER BY e.idx LIMIT ?`;
        return db
          .query<EventRow, [number, number]>(sql)
          .all(first, fittingFrom(db, first, limit))
          .map((row) => eventOf(row));
      }),
    indexOf: (session, seq) =>
      read(() => {
        const sql = `SELECT e.idx ${fromEvents} WHERE s.id = ? AND e.seq = ?`;
        return db.query<{ idx: number }, [string, number]>(sql).get(session, seq)?.idx;
      }),
    chain: (query) => read(() => readChain(db, query)),
    event: (session, seq) => read(() => readEvent(db, session, seq)),
    sessionsUnder: (prefix, last, before) =>
      read(() => readSessionsUnder(db, prefix, last, before)),
    record: (kind, key) => read(() => readRecord(db, kind, key)),
    records: (...where) => read(() => readRecords(db, ...where)),
    policyLoads: (last) => read(() => readPolicyLoads(db, last)),
    checkpoints: (last) =>
      read(() => {
        const sql = "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT ?";
        return db.query<CheckpointRow, [number]>(sql).all(last).map(checkpointOf);
      }),
    nodes: (places) => read(() => places.map((place) => readNode(db, place))),
  };
}

/** How many events are read at once; their sum alone is looked at while they are small. */
export function fittingFrom(db: Database, first: number, limit: number): number {
  const sized = "SELECT octet_length(body) AS size FROM event WHERE idx >= ? ORDER BY idx LIMIT ?";
  type Size = { readonly size: number | null };
  const all = db.query<Size, [number, number]>(`SELECT sum(size) AS size FROM (${sized})`);
  if ((all.get(first, limit)?.size ?? 0) <= eventPageMaxBytes) return limit;
  const sizes = db.query<Size, [number, number]>(sized).all(first, limit);
  return fittingCount(sizes.map(({ size }) => size ?? 0));
}

export function readHead(db: Database) {
  const row = db.query<HeadRow, []>("SELECT size, frontier FROM head").get();
  return row === null ? emptyTree : headOf(row);
}

export function readSessions(db: Database, last: number, name: string | undefined) {
  const where = name === undefined ? "?2 IS NULL" : "name = ?2";
  const sql = `SELECT ${sessionColumns} FROM session WHERE ${where} ORDER BY num DESC LIMIT ?1`;
  return db
    .query<SessionRow, [number, string | null]>(sql)
    .all(last, name ?? null)
    .map(sessionOf);
}

function readSession(db: Database, id: SessionId) {
  const sql = `SELECT ${sessionColumns} FROM session WHERE id = ?`;
  const row = db.query<SessionRow, [string]>(sql).get(id);
  return row === null ? undefined : sessionOf(row);
}

function readPolicyLoads(db: Database, last: number) {
  const sql =
    "SELECT s.id AS session, l.ts_ms, l.hash, p.sources FROM policy_load l " +
    "JOIN session s ON s.num = l.session JOIN policy p ON p.hash = l.hash " +
    "ORDER BY l.idx DESC LIMIT ?";
  type Row = { readonly [K in "session" | "ts_ms" | "hash" | "sources"]: unknown };
  return db
    .query<Row, [number]>(sql)
    .all(last)
    .map((row) => ({
      session: sessionIdOf(row.session),
      tsUnixMs: numberOf(row.ts_ms),
      snapshot: policyOf(row),
    }));
}

/** Nodes that are not stored have few enough leaves to be computed at once. */
function readNode(db: Database, { level, position }: NodePlace): Hash {
  if (level >= storedLevelMin) {
    const sql = "SELECT hash FROM node WHERE level = ? AND position = ?";
    const row = db.query<{ hash: unknown }, [number, number]>(sql).get(level, position);
    return bytesOf(row?.hash);
  }
  const range = "WHERE idx >= ?1 AND idx < ?2";
  const sql =
    `SELECT idx, leaf FROM event ${range} UNION ALL ` +
    `SELECT idx, leaf FROM purged ${range} ORDER BY idx`;
  const rows = db
    .query<{ leaf: unknown }, [number, number]>(sql)
    .all(position * 2 ** level, (position + 1) * 2 ** level);
  const leaves = rows.map(({ leaf }) => bytesOf(leaf));
  return rootOf(appendLeaves(emptyTree, leaves, () => undefined));
}

interface Where {
  readonly sql: string;
  readonly values: SQLQueryBindings[];
}

function whereOf(filter: EventFilter): Where {
  const { session, types, decision, principal, fromUnixMs, toUnixMs } = columnFilter(filter);
  const terms: string[] = [];
  const values: SQLQueryBindings[] = [];
  const add = (term: string, ...bound: SQLQueryBindings[]): void => {
    terms.push(term);
    values.push(...bound);
  };
  if (session !== undefined) add("e.session = (SELECT num FROM session WHERE id = ?)", session);
  if (types !== undefined) add(`e.type IN (${types.map(() => "?").join(", ")})`, ...types);
  // Written out, because only a literal lets SQLite use the index over denials.
  if (decision !== undefined) add(decision === "deny" ? "e.decision = 0" : "e.decision = 1");
  if (principal !== undefined) {
    add("e.session IN (SELECT num FROM session WHERE name = ?)", principal);
  }
  if (fromUnixMs !== undefined) add("e.ts_ms >= ?", fromUnixMs);
  if (toUnixMs !== undefined) add("e.ts_ms <= ?", toUnixMs);
  return { sql: terms.length === 0 ? "" : `WHERE ${terms.join(" AND ")}`, values };
}

function readEvents(
  db: Database,
  filter: EventFilter,
  { limit, offset }: { readonly limit: number; readonly offset: number },
) {
  const where = whereOf(filter);
  // Within a session seq and idx run alike, and seq is what its index is sorted by.
  const order = filter.session === undefined ? "e.idx" : "e.seq";
  const select = `SELECT ${eventColumns} ${fromEvents} ${where.sql} ORDER BY ${order} DESC`;
  if (filter.search !== undefined) {
    return searchEvents(db, { sql: select, values: where.values }, filter.search, limit, offset);
  }
  const page = db.prepare<EventRow, SQLQueryBindings[]>(`${select} LIMIT ? OFFSET ?`);
  try {
    const events = page.all(...where.values, limit, offset).map((row) => eventOf(row));
    return { events, total: countEvents(db, where) };
  } finally {
    page.finalize();
  }
}

function countEvents(db: Database, where: Where): number {
  if (where.sql === "") return readHead(db).size - countPurged(db);
  const count = db.prepare<{ count: number }, SQLQueryBindings[]>(
    `SELECT count(*) AS count FROM event e ${where.sql}`,
  );
  try {
    return count.get(...where.values)?.count ?? 0;
  } finally {
    count.finalize();
  }
}

function countPurged(db: Database): number {
  const sql = "SELECT count(*) AS count FROM purged";
  return db.query<{ count: number }, []>(sql).get()?.count ?? 0;
}

function searchEvents(
  db: Database,
  { sql, values }: Where,
  search: string,
  limit: number,
  offset: number,
) {
  const needle = search.toLowerCase();
  const events: StoredEvent[] = [];
  let total = 0;
  const statement = db.prepare<EventRow, SQLQueryBindings[]>(sql);
  try {
    for (const row of statement.iterate(...values)) {
      const payload = readSealed(bytesOf(row.body))?.payload;
      if (payload === undefined || !matchesSearch(payload, needle)) continue;
      if (total >= offset && events.length < limit) events.push(eventOf(row));
      total += 1;
    }
    return { events, total };
  } finally {
    statement.finalize();
  }
}
