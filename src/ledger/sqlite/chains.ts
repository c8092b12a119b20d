// Reading a SQLite ledger: sessions by what their ids begin with, and single events of them.

import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { SessionId } from "../../base/ids.ts";
import { type EventRow, eventOf, type SessionRow, sessionColumns, sessionOf } from "../rows.ts";
import type { SessionState } from "../session-state.ts";
import type { StoredEvent } from "../store.ts";

/** With `event` as e and its `session` as s. The body leaves as bytes: text would be repaired. */
export const eventColumns =
  "e.idx, s.id AS session, e.seq, e.ts_ms, e.type, e.decision, e.leaf, " +
  "CAST(e.body AS BLOB) AS body";

export const fromEvents = "FROM event e JOIN session s ON s.num = e.session";

/** Of a tenant with more sessions than these the next events are never far in the ledger. */
const manySessions = 1000;

/** Then its events are met by going through all; else by going through its sessions. */
export function hasManySessions(db: Database, prefix: string): boolean {
  const some = "SELECT 1 FROM session WHERE id >= ? AND id < ? LIMIT ?";
  const sql = `SELECT count(*) AS count FROM (${some})`;
  const row = db
    .query<{ count: number }, [string, string, number]>(sql)
    .get(...range(prefix), manySessions + 1);
  return (row?.count ?? 0) > manySessions;
}

export function readEvent(db: Database, id: SessionId, seq: number): StoredEvent | undefined {
  const sql = `SELECT ${eventColumns} ${fromEvents} WHERE s.id = ? AND e.seq = ?`;
  const row = db.query<EventRow, [string, number]>(sql).get(id, seq);
  return row === null ? undefined : eventOf(row);
}

export function readSessionsUnder(
  db: Database,
  prefix: string,
  last: number,
  before: SessionId | undefined,
): readonly SessionState[] {
  // The plus keeps SQLite from the index over ids, and so from sorting all that it finds there.
  const column = hasManySessions(db, prefix) ? "+id" : "id";
  const older = before === undefined ? "" : " AND num < (SELECT num FROM session WHERE id = ?)";
  const where = `${column} >= ? AND ${column} < ?${older}`;
  const sql = `SELECT ${sessionColumns} FROM session WHERE ${where} ORDER BY num DESC LIMIT ?`;
  const bound = before === undefined ? range(prefix) : [...range(prefix), before];
  return db
    .query<SessionRow, SQLQueryBindings[]>(sql)
    .all(...bound, last)
    .map(sessionOf);
}

/** Texts that begin with `prefix` lie from the first of these to before the second. */
export function range(prefix: string): [from: string, to: string] {
  return [prefix, `${prefix}\u{10ffff}`];
}
