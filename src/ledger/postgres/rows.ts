// Between PostgreSQL's rows and those of rows.ts: whole numbers arrive as text, and no text may
// hold a zero character, which names of clients may.

import type { SessionId } from "../../base/ids.ts";
import { type EventRow, eventOf, type SessionRow, sessionOf } from "../rows.ts";
import type { SessionState } from "../session-state.ts";
import type { StoredEvent } from "../store.ts";
import type { SqlRow } from "./pool.ts";

export const eventColumns = "e.idx, e.session, e.seq, e.ts_ms, e.type, e.decision, e.leaf, e.body";

/** Columns whose texts are told or chosen by somebody else. */
const told: ReadonlySet<string> = new Set([
  ...["id", "session", "name", "directory", "tag", "type", "key"],
]);
const numbers: ReadonlySet<string> = new Set([
  ...["idx", "first_idx", "seq", "ts_ms", "size", "position", "count"],
  ...["opened_ms", "closed_ms", "exit_status", "access_count", "denied_count", "next_seq"],
]);

export function toldText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\0", "\\0");
}

function asTold(text: string): string {
  return text.replace(/\\([\\0])/g, (_, one) => (one === "0" ? "\0" : "\\"));
}

/** Empty for a spelling that nobody writes: no two texts are read as the same one. */
function ownTold(text: string): string {
  const plain = asTold(text);
  return toldText(plain) === text ? plain : "";
}

/** A row with the values that SQLite would give. */
export function plainRow<Row extends SqlRow>(row: SqlRow): Row {
  const plain: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) plain[column] = plainValue(column, value);
  return plain as Row;
}

function plainValue(column: string, value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  if (typeof value !== "string") return value;
  if (numbers.has(column)) return /^-?\d{1,16}$/.test(value) ? Number(value) : undefined;
  return told.has(column) ? ownTold(value) : value;
}

export function storedEvent(row: SqlRow): StoredEvent {
  return eventOf(plainRow<EventRow>(row));
}

export function storedSession(row: SqlRow): SessionState {
  return sessionOf(plainRow<SessionRow>(row));
}

/** For `= ANY($n::text[])`. */
export function textArray(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
}

export function keyOf(session: SessionId): string {
  return toldText(session);
}
