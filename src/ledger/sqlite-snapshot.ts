// The one consistent view of a SQLite ledger that verify works on: a read transaction on a
// connection of its own, so appends go on meanwhile, unseen by it.

import { Database } from "bun:sqlite";
import { ledgerLockWaitMs } from "../base/limits.ts";
import type { NodePlace } from "./merkle.ts";
import { unavailable } from "./sqlite-error.ts";
import { readHead, readSessions } from "./sqlite-read.ts";
import { decisionOf, type EventRow, sessionIdOf, snapshotOf } from "./sqlite-rows.ts";
import { schemaProblems } from "./sqlite-schema.ts";
import type { PolicyLoadRow, Snapshot, StoredCheckpoint, StoredEvent } from "./store.ts";

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
  // The first read fixes what the transaction sees. A join per event would double verify's time.
  const sessions = new Map(
    db
      .query<{ num: number; id: string }, []>("SELECT num, id FROM session")
      .all()
      .map(({ num, id }) => [num, id]),
  );
  return {
    origin,
    head: () => read(() => readHead(db)),
    eventsFrom: (first, limit) => read(() => eventsFrom(db, sessions, first, limit)),
    sessions: () => read(() => readSessions(db, -1, undefined)),
    policyLoads: () => read(() => policyLoads(db, sessions)),
    policies: () =>
      read(() =>
        db
          .query<{ hash: string; sources: string }, []>("SELECT hash, sources FROM policy")
          .all()
          .map(({ hash, sources }) => snapshotOf(hash, sources)),
      ),
    nodes: () =>
      read(() => {
        const sql = "SELECT level, position, hash FROM node ORDER BY level, position";
        return db.query<NodePlace & { hash: Uint8Array }, []>(sql).all();
      }),
    checkpoints: () =>
      read(() => {
        const sql = "SELECT size, note FROM checkpoint ORDER BY size";
        return db.query<StoredCheckpoint, []>(sql).all();
      }),
    schemaProblems: () => read(() => schemaProblems(db)),
    close: () => db.close(),
  };
}

type SessionIds = ReadonlyMap<number, string>;
type NumberedEventRow = Omit<EventRow, "session"> & { readonly session: number };

function eventsFrom(
  db: Database,
  sessions: SessionIds,
  first: number,
  limit: number,
): readonly StoredEvent[] {
  const sql =
    "SELECT idx, session, seq, ts_ms, type, decision, leaf, CAST(body AS BLOB) AS body " +
    "FROM event WHERE idx >= ? ORDER BY idx LIMIT ?";
  const rows = db.query<NumberedEventRow, [number, number]>(sql).all(first, limit);
  return rows.map((row) => ({
    index: row.idx,
    session: sessionIdOf(sessions.get(row.session)),
    seq: row.seq,
    tsUnixMs: row.ts_ms,
    type: row.type,
    decision: decisionOf(row.decision),
    leaf: row.leaf,
    body: row.body,
  }));
}

interface LoadRow {
  readonly idx: number;
  readonly session: number;
  readonly ts_ms: number;
  readonly hash: string;
}

function policyLoads(db: Database, sessions: SessionIds): readonly PolicyLoadRow[] {
  const sql = "SELECT idx, session, ts_ms, hash FROM policy_load ORDER BY idx";
  const rows = db.query<LoadRow, []>(sql).all();
  return rows.map(({ idx, session, ts_ms, hash }) => ({
    index: idx,
    session: sessionIdOf(sessions.get(session)),
    tsUnixMs: ts_ms,
    snapshot: { hash, sources: [] },
  }));
}
