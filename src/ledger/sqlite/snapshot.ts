// The one consistent view of a SQLite ledger that verify works on: a read transaction on a
// connection of its own, so appends go on meanwhile, unseen by it.

import { Database } from "bun:sqlite";
import { ledgerLockWaitMs } from "../../base/limits.ts";
import type { LogRecord } from "../control/contract.ts";
import {
  bytesOf,
  type CheckpointRow,
  checkpointOf,
  type EventRow,
  eventOf,
  type NodeRow,
  nodeOf,
  numberOf,
  type PolicyRow,
  type PurgedRow,
  policyOf,
  purgedOf,
  sessionIdOf,
  textOf,
} from "../rows.ts";
import type { PolicyLoadRow, PurgedEvent, Snapshot, StoredEvent } from "../store.ts";
import { unavailable } from "./error.ts";
import { fittingFrom, readHead, readSessions } from "./read.ts";
import { knowsPurges, schemaProblems } from "./schema.ts";

/** @throws {AegisError} `ledger/unavailable`, as every read of the snapshot */
export function openSnapshot(path: string, origin: string): Snapshot {
  let db: Database | undefined;
  try {
    db = new Database(path, { readonly: true });
    db.run(`PRAGMA busy_timeout = ${ledgerLockWaitMs}`);
    db.run("PRAGMA trusted_schema = OFF");
    db.run("PRAGMA cell_size_check = ON");
    db.run("BEGIN");
    return createSnapshot(db, path, origin);
  } catch (error) {
    db?.close();
    throw unavailable("read the ledger", path, error);
  }
}

function createSnapshot(db: Database, path: string, origin: string): Snapshot {
  function read<T>(query: () => T): T {
    try {
      return query();
    } catch (error) {
      throw unavailable("read the ledger", path, error);
    }
  }
  const broken: BrokenNames = new WeakMap();
  // The first read fixes what the transaction sees. A join per event would double verify's time.
  const sessions = new Map(
    db
      .query<{ num: unknown; id: unknown }, []>("SELECT num, id FROM session")
      .all()
      .map(({ num, id }) => [num, id]),
  );
  return {
    origin,
    head: () => read(() => readHead(db)),
    eventsFrom: (first, limit) => read(() => eventsFrom(db, sessions, first, limit)),
    purgedFrom: (first, limit) =>
      read(() => (knowsPurges(db) ? purgedFrom(db, sessions, first, limit) : [])),
    sessions: () => read(() => readSessions(db, -1, undefined)),
    policyLoads: () => read(() => policyLoads(db, sessions)),
    policies: () =>
      read(() => db.query<PolicyRow, []>("SELECT hash, sources FROM policy").all().map(policyOf)),
    nodes: () =>
      read(() => db.query<NodeRow, []>("SELECT level, position, hash FROM node").all().map(nodeOf)),
    checkpoints: () =>
      read(() => {
        const sql = "SELECT size, note FROM checkpoint ORDER BY size";
        return db.query<CheckpointRow, []>(sql).all().map(checkpointOf);
      }),
    schemaProblems: () => read(() => schemaProblems(db)),
    recordsFrom: (after, limit) => read(() => recordsFrom(db, broken, after, limit)),
    close: () => db.close(),
  };
}

type SessionIds = ReadonlyMap<unknown, unknown>;

function eventsFrom(
  db: Database,
  sessions: SessionIds,
  first: number,
  limit: number,
): readonly StoredEvent[] {
  const sql =
    "SELECT idx, session, seq, ts_ms, type, decision, leaf, CAST(body AS BLOB) AS body " +
    "FROM event WHERE idx >= ? ORDER BY idx LIMIT ?";
  const rows = db.query<EventRow, [number, number]>(sql).all(first, fittingFrom(db, first, limit));
  return rows.map((row) => eventOf(row, sessions.get(row.session)));
}

function purgedFrom(
  db: Database,
  sessions: SessionIds,
  first: number,
  limit: number,
): readonly PurgedEvent[] {
  const sql = "SELECT idx, session, leaf FROM purged WHERE idx >= ? ORDER BY idx LIMIT ?";
  const rows = db.query<PurgedRow, [number, number]>(sql).all(first, limit);
  return rows.map((row) => purgedOf(row, sessions.get(row.session)));
}

/** The bytes of names that are no text, and so are read as others. */
type BrokenNames = WeakMap<LogRecord, readonly [kind: Uint8Array, key: Uint8Array]>;

type RecordRow = { readonly [K in keyof LogRecord | "kind_bytes" | "key_bytes"]: unknown };

function recordsFrom(
  db: Database,
  broken: BrokenNames,
  after: LogRecord | undefined,
  limit: number,
): readonly LogRecord[] {
  const behind = "WHERE (kind, key) > (CAST(? AS TEXT), CAST(? AS TEXT)) ";
  const sql =
    "SELECT kind, key, json, CAST(kind AS BLOB) AS kind_bytes, CAST(key AS BLOB) AS key_bytes " +
    `FROM record ${after === undefined ? "" : behind}ORDER BY kind, key LIMIT ?`;
  const names = after === undefined ? [] : (broken.get(after) ?? [after.kind, after.key]);
  const rows = db.query<RecordRow, (string | number | Uint8Array)[]>(sql).all(...names, limit);
  return rows.map((row) => {
    const record = { kind: textOf(row.kind), key: textOf(row.key), json: textOf(row.json) };
    if (`${record.kind}${record.key}`.includes("\ufffd")) {
      broken.set(record, [bytesOf(row.kind_bytes), bytesOf(row.key_bytes)]);
    }
    return record;
  });
}

type LoadRow = { readonly [K in "idx" | "session" | "ts_ms" | "hash"]: unknown };

function policyLoads(db: Database, sessions: SessionIds): readonly PolicyLoadRow[] {
  const sql = "SELECT idx, session, ts_ms, hash FROM policy_load ORDER BY idx";
  return db
    .query<LoadRow, []>(sql)
    .all()
    .map((row) => ({
      index: numberOf(row.idx),
      session: sessionIdOf(sessions.get(row.session)),
      tsUnixMs: numberOf(row.ts_ms),
      snapshot: { hash: textOf(row.hash), sources: [] },
    }));
}
