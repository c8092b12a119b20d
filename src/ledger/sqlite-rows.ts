// Between SQLite's rows and the ledger's types. The database may have been edited by anyone, so
// nothing here trusts a value's meaning, only its column type.

import { canonicalJson } from "../base/canonical-json.ts";
import type { SessionId } from "../base/ids.ts";
import type { PolicySnapshot, PolicySource } from "../model/policy-snapshot.ts";
import type { Hash, TreeHead } from "./merkle.ts";
import type { SessionState } from "./session-state.ts";
import type { StoredEvent } from "./store.ts";

export interface SessionRow {
  readonly id: string;
  readonly name: string;
  readonly mode: string;
  readonly command: string;
  readonly directory: string;
  readonly policy_hash: string;
  readonly tag: string | null;
  readonly opened_ms: number;
  readonly closed_ms: number | null;
  readonly exit_status: number | null;
  readonly access_count: number;
  readonly denied_count: number;
  readonly next_seq: number;
  readonly last_hash: string;
}

export const sessionColumns =
  "id, name, mode, command, directory, policy_hash, tag, opened_ms, closed_ms, exit_status, " +
  "access_count, denied_count, next_seq, last_hash";

export function sessionOf(row: SessionRow): SessionState {
  return {
    id: sessionIdOf(row.id),
    name: row.name,
    mode: row.mode,
    command: textsOf(row.command),
    directory: row.directory,
    policyHash: row.policy_hash,
    tag: row.tag ?? undefined,
    openedUnixMs: row.opened_ms,
    closedUnixMs: row.closed_ms ?? undefined,
    exitStatus: row.exit_status ?? undefined,
    accessCount: row.access_count,
    deniedCount: row.denied_count,
    nextSeq: row.next_seq,
    lastHash: row.last_hash,
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
export function sessionIdOf(text: string | null | undefined): SessionId {
  return (text ?? "") as SessionId;
}

export interface EventRow {
  readonly idx: number;
  readonly session: string | null;
  readonly seq: number;
  readonly ts_ms: number;
  readonly type: string;
  readonly decision: number | null;
  readonly leaf: Uint8Array;
  readonly body: Uint8Array;
}

/** With `event` as e and its `session` as s. The body leaves as bytes: text would be repaired. */
export const eventColumns =
  "e.idx, s.id AS session, e.seq, e.ts_ms, e.type, e.decision, e.leaf, " +
  "CAST(e.body AS BLOB) AS body";

export function eventOf(row: EventRow): StoredEvent {
  return {
    index: row.idx,
    session: sessionIdOf(row.session),
    seq: row.seq,
    tsUnixMs: row.ts_ms,
    type: row.type,
    decision: decisionOf(row.decision),
    leaf: row.leaf,
    body: row.body,
  };
}

export function decisionOf(value: number | null): "allow" | "deny" | undefined {
  if (value === null) return undefined;
  return value === 0 ? "deny" : "allow";
}

export function decisionValue(decision: "allow" | "deny" | undefined): number | null {
  if (decision === undefined) return null;
  return decision === "deny" ? 0 : 1;
}

export function headOf(size: number, frontier: Uint8Array): TreeHead {
  const hashes: Hash[] = [];
  for (let at = 0; at < frontier.length; at += 32) hashes.push(frontier.slice(at, at + 32));
  return { size, frontier: hashes };
}

export function frontierValue({ frontier }: TreeHead): Uint8Array {
  const bytes = new Uint8Array(frontier.length * 32);
  for (const [i, hash] of frontier.entries()) bytes.set(hash, i * 32);
  return bytes;
}

export function snapshotOf(hash: string, sources: string): PolicySnapshot {
  const value = parsed(sources);
  return { hash, sources: Array.isArray(value) ? value.filter(isSource) : [] };
}

function isSource(value: unknown): value is PolicySource {
  if (typeof value !== "object" || value === null) return false;
  const { kind, name, text }: Partial<Record<keyof PolicySource, unknown>> = value;
  const isKind = kind === "cedar" || kind === "manifest";
  return isKind && typeof name === "string" && typeof text === "string";
}

function textsOf(json: string): readonly string[] {
  const value = parsed(json);
  return Array.isArray(value) ? value.map(String) : [json];
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // ignored: only an edited database holds it, and then verify says that the row is not derived
    return undefined;
  }
}
