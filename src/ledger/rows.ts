// Between a database's rows and the ledger's types. The database may have been edited by anyone, or
// be damaged: a value of the wrong kind is read as an empty one, and verify finds that it does not
// fit.

import { canonicalJson } from "../base/canonical-json.ts";
import type { SessionId } from "../base/ids.ts";
import type { PolicySnapshot, PolicySource } from "../model/policy-snapshot.ts";
import type { SessionState } from "./session-state.ts";
import type { PurgedEvent, StoredCheckpoint, StoredEvent } from "./store.ts";
import type { Hash, TreeHead, TreeNode } from "./tree/merkle.ts";

/** In a damaged database any column may hold anything. */
type Row<Columns extends string> = { readonly [K in Columns]: unknown };

export type SessionRow = Row<
  | "id"
  | "name"
  | "mode"
  | "command"
  | "directory"
  | "policy_hash"
  | "tag"
  | "opened_ms"
  | "closed_ms"
  | "exit_status"
  | "access_count"
  | "denied_count"
  | "next_seq"
  | "last_hash"
>;

export const sessionColumns =
  "id, name, mode, command, directory, policy_hash, tag, opened_ms, closed_ms, exit_status, " +
  "access_count, denied_count, next_seq, last_hash";

export function sessionOf(row: SessionRow): SessionState {
  return {
    id: sessionIdOf(row.id),
    name: textOf(row.name),
    mode: textOf(row.mode),
    command: textsOf(textOf(row.command)),
    directory: textOf(row.directory),
    policyHash: textOf(row.policy_hash),
    tag: row.tag === null ? undefined : textOf(row.tag),
    openedUnixMs: numberOf(row.opened_ms),
    closedUnixMs: row.closed_ms === null ? undefined : numberOf(row.closed_ms),
    exitStatus: row.exit_status === null ? undefined : numberOf(row.exit_status),
    accessCount: numberOf(row.access_count),
    deniedCount: numberOf(row.denied_count),
    nextSeq: numberOf(row.next_seq),
    lastHash: textOf(row.last_hash),
  };
}

/** In the order of `sessionColumns`. */
export type SessionValues = [
  ...texts: [string, string, string, string, string, string],
  tag: string | null,
  openedMs: number,
  closedMs: number | null,
  exitStatus: number | null,
  accessCount: number,
  deniedCount: number,
  nextSeq: number,
  lastHash: string,
];

export function sessionValues(session: SessionState): SessionValues {
  return [
    session.id,
    session.name,
    session.mode,
    canonicalJson(session.command),
    session.directory,
    session.policyHash,
    session.tag ?? null,
    session.openedUnixMs,
    session.closedUnixMs ?? null,
    session.exitStatus ?? null,
    session.accessCount,
    session.deniedCount,
    session.nextSeq,
    session.lastHash,
  ];
}

/** The session a row names; `""` when it names none that is known. */
export function sessionIdOf(value: unknown): SessionId {
  return textOf(value) as SessionId;
}

export type EventRow = Row<
  "idx" | "session" | "seq" | "ts_ms" | "type" | "decision" | "leaf" | "body"
>;

/** @param session its id, when the row has only its number */
export function eventOf(row: EventRow, session = row.session): StoredEvent {
  return {
    index: numberOf(row.idx),
    session: sessionIdOf(session),
    seq: numberOf(row.seq),
    tsUnixMs: numberOf(row.ts_ms),
    type: textOf(row.type),
    decision: decisionOf(row.decision),
    leaf: bytesOf(row.leaf),
    body: bytesOf(row.body),
  };
}

export type PurgedRow = Row<"idx" | "session" | "leaf">;

/** @param session its id, when the row has only its number */
export function purgedOf(row: PurgedRow, session = row.session): PurgedEvent {
  return { index: numberOf(row.idx), session: sessionIdOf(session), leaf: bytesOf(row.leaf) };
}

/** What a copy of one that nobody writes has: it is as wrong there. */
const garbledDecision = 2;

function decisionOf(value: unknown): StoredEvent["decision"] {
  if (value === 0) return "deny";
  if (value === 1) return "allow";
  return value === null ? undefined : "garbled";
}

export function decisionValue(decision: StoredEvent["decision"]): number | null {
  if (decision === undefined) return null;
  if (decision === "garbled") return garbledDecision;
  return decision === "deny" ? 0 : 1;
}

export type HeadRow = Row<"size" | "frontier">;

export function headOf(row: HeadRow): TreeHead {
  const hashes: Hash[] = [];
  const frontier = bytesOf(row.frontier);
  for (let at = 0; at < frontier.length; at += 32) hashes.push(frontier.slice(at, at + 32));
  return { size: numberOf(row.size), frontier: hashes };
}

export function frontierValue({ frontier }: TreeHead): Uint8Array {
  const bytes = new Uint8Array(frontier.length * 32);
  for (const [i, hash] of frontier.entries()) bytes.set(hash, i * 32);
  return bytes;
}

export type PolicyRow = Row<"hash" | "sources">;

export function policyOf({ hash, sources }: PolicyRow): PolicySnapshot {
  return { hash: textOf(hash), sources: listOf(textOf(sources), isSource) ?? [] };
}

function isSource(value: unknown): value is PolicySource {
  if (typeof value !== "object" || value === null) return false;
  const { kind, name, text, ...more }: Partial<Record<keyof PolicySource, unknown>> = value;
  const isKind = kind === "cedar" || kind === "manifest";
  const isWhole = isKind && typeof name === "string" && typeof text === "string";
  return isWhole && Object.keys(more).length === 0;
}

function textsOf(json: string): readonly string[] {
  return listOf(json, (item) => typeof item === "string") ?? [json];
}

/** Undefined unless it is spelled as it was written: no two texts are read as the same list. */
function listOf<T>(json: string, isItem: (item: unknown) => item is T): readonly T[] | undefined {
  const value = parsed(json);
  return Array.isArray(value) && value.every(isItem) ? value : undefined;
}

export type CheckpointRow = Row<"size" | "note">;

export function checkpointOf({ size, note }: CheckpointRow): StoredCheckpoint {
  return { size: numberOf(size), note: textOf(note) };
}

export type NodeRow = Row<"level" | "position" | "hash">;

export function nodeOf({ level, position, hash }: NodeRow): TreeNode {
  return { level: numberOf(level), position: numberOf(position), hash: bytesOf(hash) };
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function numberOf(value: unknown): number {
  return typeof value === "number" ? value : -1;
}

export function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}

function parsed(json: string): unknown {
  try {
    const value: unknown = JSON.parse(json);
    return canonicalJson(value) === json ? value : undefined;
  } catch {
    // ignored: only an edited database holds it, and then verify says that the row is not derived
    return undefined;
  }
}
