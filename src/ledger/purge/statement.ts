// What a purge says of one session: what its row keeps, and which places in the tree its events
// had. Signed with the ledger's key, so that nobody without it can make an absence look like one.
// Pure but for the digest. What is read may have been written by anyone.

import { canonicalJson } from "../../base/canonical-json.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { SessionId } from "../../base/ids.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import { memberOf } from "../../model/json-object.ts";
import { newSession, type SessionState } from "../session-state.ts";
import type { PolicyLoadRow, PurgedEvent } from "../store.ts";

/** Which events and policies of a session there were. */
export interface PurgedContents {
  /** Of `createPlacesDigest`. */
  readonly places: string;
  /** Of `policyLoadsDigest`: they stay, for sessions after it go on with the same policy. */
  readonly policyLoads: string;
}

/** A head that was signed before the purge. */
export interface PurgedTree {
  readonly size: number;
  /** Base64. */
  readonly root: string;
}

export interface PurgeStatement extends PurgedContents {
  /** The session's row from then on. */
  readonly session: SessionState;
}

/** @param about when, by whom and up to where it was purged; told, and signed as well */
export function statementOf({ session, places, policyLoads }: PurgeStatement, about: JsonObject) {
  return {
    ...about,
    session: session.id,
    name: session.name,
    mode: session.mode,
    policy_hash: session.policyHash,
    opened_ms: session.openedUnixMs,
    closed_ms: session.closedUnixMs ?? null,
    exit_status: session.exitStatus ?? null,
    access_count: session.accessCount,
    denied_count: session.deniedCount,
    event_count: session.nextSeq,
    places,
    policy_loads: policyLoads,
  } satisfies JsonObject;
}

/** What is signed. No checkpoint and no backup begins so, and no origin has a space. */
export function statementText(origin: string, statement: JsonObject): string {
  return `aegis purge 1\n${origin}\n${canonicalJson(statement)}\n`;
}

/** Payload of `SESSION_PURGED`. @param note the signed note over the statement's text */
export function purgedPayload(statement: JsonObject, note: string): JsonObject {
  return { ...statement, signature: note.slice(note.lastIndexOf("\n\n") + 2) };
}

export interface ReadStatement extends PurgeStatement {
  readonly purgedUnixMs: number;
  /** What it was added to begins so. Absent in statements of older versions, as the next. */
  readonly tree: PurgedTree | undefined;
  /** Index of the event that says so. */
  readonly place: number | undefined;
  /** What was signed, and the signed note that the payload stands for. */
  readonly text: string;
  readonly note: string;
}

/** Undefined for what no aegis writes. Says nothing about who wrote it. */
export function readStatement(origin: string, payload: JsonObject): ReadStatement | undefined {
  const { signature, ...statement } = payload;
  const { session, name, mode, policy_hash, places, policy_loads } = statement;
  const texts = [signature, session, name, mode, policy_hash, places, policy_loads];
  const { opened_ms, closed_ms, exit_status, access_count, denied_count, event_count } = statement;
  const { purged_ms, tree, place } = statement;
  const numbers = [opened_ms, closed_ms, access_count, denied_count, event_count, purged_ms];
  const isStatement =
    texts.every((text) => typeof text === "string") &&
    [...numbers, exit_status ?? 0].every(Number.isSafeInteger) &&
    (tree === undefined || treeIn(tree) !== undefined) &&
    (place === undefined || Number.isSafeInteger(place));
  if (!isStatement) return undefined;
  const text = statementText(origin, statement);
  return {
    session: {
      ...newSession(String(session) as SessionId),
      name: String(name),
      mode: String(mode),
      policyHash: String(policy_hash),
      openedUnixMs: Number(opened_ms),
      closedUnixMs: Number(closed_ms),
      exitStatus: numberIn(exit_status),
      accessCount: Number(access_count),
      deniedCount: Number(denied_count),
      nextSeq: Number(event_count),
    },
    places: String(places),
    policyLoads: String(policy_loads),
    purgedUnixMs: Number(purged_ms),
    tree: treeIn(tree),
    place: numberIn(place),
    text,
    note: `${text}\n${signature}`,
  };
}

function treeIn(value: JsonValue | undefined): PurgedTree | undefined {
  const [size, root] = [memberOf(value, "size"), memberOf(value, "root")];
  if (!Number.isSafeInteger(size) || typeof root !== "string") return undefined;
  return { size: Number(size), root };
}

function numberIn(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** What is left of a session's row. */
export function purgedRow(state: SessionState): SessionState {
  return { ...state, command: [], directory: "", tag: undefined, lastHash: "" };
}

export interface PlacesDigest {
  /** In tree order. */
  add(event: Omit<PurgedEvent, "session">): void;
  /** Once. */
  finish(): string;
}

/** SHA-256, base64, over the index, as eight bytes, and the leaf of each event. */
export function createPlacesDigest(): PlacesDigest {
  const hasher = new Bun.CryptoHasher("sha256");
  const index = new Uint8Array(8);
  const view = new DataView(index.buffer);
  return {
    add(event) {
      view.setBigUint64(0, BigInt(event.index));
      hasher.update(index).update(event.leaf);
    },
    finish: () => hasher.digest("base64"),
  };
}

/** @param loads of one session */
export function policyLoadsDigest(loads: readonly PolicyLoadRow[]): string {
  const inOrder = [...loads].sort((a, b) => a.index - b.index);
  const rows = inOrder.map(({ index, tsUnixMs, snapshot }) => [index, tsUnixMs, snapshot.hash]);
  return sha256Hex(canonicalJson(rows));
}
