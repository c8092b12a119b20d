// The records beside the events of a SQLite ledger.

import type { Database } from "bun:sqlite";
import type { LogRecord } from "../control/contract.ts";
import { textOf } from "../rows.ts";
import { range } from "./chains.ts";

export function readRecord(db: Database, kind: string, key: string): LogRecord | undefined {
  const sql = "SELECT json FROM record WHERE kind = ? AND key = ?";
  const row = db.query<{ json: unknown }, [string, string]>(sql).get(kind, key);
  return row === null ? undefined : { kind, key, json: textOf(row.json) };
}

export function readRecords(
  db: Database,
  kind: string,
  prefix: string,
  limit: number,
  after?: string,
): readonly LogRecord[] {
  const [from, to] = range(prefix);
  const begin = after === undefined ? ">=" : ">";
  const sql = `SELECT key, json FROM record WHERE kind = ? AND key ${begin} ? AND key < ? ORDER BY key LIMIT ?`;
  return db
    .query<{ key: unknown; json: unknown }, [string, string, string, number]>(sql)
    .all(kind, after ?? from, to, limit)
    .map(({ key, json }) => ({ kind, key: textOf(key), json: textOf(json) }));
}

export function writeRecord(db: Database, { kind, key, json }: LogRecord): void {
  const sql = "INSERT OR REPLACE INTO record(kind, key, json) VALUES (?, ?, ?)";
  db.query<null, [string, string, string]>(sql).run(kind, key, json);
}

/** @returns whether it was there, with this text */
export function deleteRecord(db: Database, { kind, key, json }: LogRecord): boolean {
  const sql = "DELETE FROM record WHERE kind = ? AND key = ? AND json = ?";
  return db.query<null, [string, string, string]>(sql).run(kind, key, json).changes === 1;
}
