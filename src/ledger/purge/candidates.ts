// Which sessions may be purged, and what goes with each: ended ones, all of whose events are older
// than a moment, with the records about them. Sessions that say what was purged are never among
// them, nor clients' of which nothing but a client says how old they are.

import { AegisError } from "../../base/errors.ts";
import type { SessionId } from "../../base/ids.ts";
import { ledgerPageSize } from "../../base/limits.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import { isObject } from "../../model/json-object.ts";
import type { LogRecord } from "../control/contract.ts";
import {
  type ForeignSession,
  readSessionKey,
  sessionKey,
  tenantPrefix,
} from "../control/foreign.ts";
import { recordPages } from "../control/record-pages.ts";
import { withoutSeal } from "../control/record-seal.ts";
import { stepsPrefix } from "../control/session-records.ts";
import { recordText } from "../encrypted/record-text.ts";
import { isEncrypted, stillEncrypted } from "../encrypted/text.ts";
import { isPurged, type SessionState } from "../session-state.ts";
import type { Snapshot, Store, StoredEvent } from "../store.ts";
import { receivedBefore } from "./receipt.ts";
import { createPlacesDigest } from "./statement.ts";

/** Mode of the sessions that say what was purged. */
export const purgeMode = "purge";

/** A session that may go, as it is now. */
export interface Candidate {
  readonly state: SessionState;
  /** Digest of the places of its events. */
  readonly places: string;
}

export interface Candidates {
  readonly sessions: readonly Candidate[];
  /** All there are, newest first. */
  readonly among: readonly SessionState[];
  /** @param text what it says; undefined where nobody here can read it */
  readonly goesWith: (record: LogRecord, text: string | undefined, nowMs: number) => boolean;
}

/** As things are now: whoever takes them out has to see that they have not changed since. */
export async function findCandidates(store: Store, beforeUnixMs: number): Promise<Candidates> {
  const about = createAbout();
  const sessions: Candidate[] = [];
  const all = await store.sessions({ last: Number.MAX_SAFE_INTEGER });
  const bounds = { beforeUnixMs, receivedBefore: await receivedBefore(store, all, beforeUnixMs) };
  for (const state of all) {
    if (!mayGo(state, beforeUnixMs)) continue;
    const candidate = await readCandidate(store, state, bounds, about);
    if (candidate !== undefined) sessions.push(candidate);
  }
  // In the order in which they began.
  return { sessions: sessions.reverse(), among: all, goesWith: about.has };
}

/** What its row says already. */
function mayGo(state: SessionState, beforeUnixMs: number): boolean {
  const { closedUnixMs, mode } = state;
  const isEnded = closedUnixMs !== undefined && closedUnixMs < beforeUnixMs;
  return isEnded && mode !== purgeMode && !isPurged(state);
}

interface Bounds {
  readonly beforeUnixMs: number;
  /** Tree index: what stands before it was received before that moment, whatever it says. */
  readonly receivedBefore: number;
}

async function readCandidate(
  store: Store,
  state: SessionState,
  bounds: Bounds,
  about: About,
): Promise<Candidate | undefined> {
  const { id: session, nextSeq } = state;
  const digest = createPlacesDigest();
  const named = readSessionKey(session);
  const indexes: number[] = [];
  for (let after = -1, seq = 0; seq < nextSeq; ) {
    const limit = Math.min(ledgerPageSize, nextSeq - seq);
    const { events: page } = await store.chain({ session, after, limit });
    for (const event of page) {
      // Something may come after the end: a tag, or what a client still recorded.
      if (event.tsUnixMs >= bounds.beforeUnixMs) return undefined;
      if (named !== undefined && event.index >= bounds.receivedBefore) return undefined;
      digest.add(event);
      // Only about clients' sessions there are records.
      if (named !== undefined) indexes.push(readableIndex(event));
    }
    const last = page.at(-1);
    if (last === undefined) throw incomplete(session);
    after = last.index;
    seq += page.length;
  }
  if (named !== undefined) about.add(named, session, indexes);
  return { state, places: digest.finish() };
}

function incomplete(session: string): AegisError {
  return new AegisError("ledger/tampered", `Cannot purge: session "${session}" lacks events`, {
    hint: "run `aegis audit verify`",
  });
}

/** @throws {AegisError} `ledger/encrypted`: nor could the approvals of its session be read */
function readableIndex({ index, body }: StoredEvent): number {
  if (isEncrypted(body)) throw stillEncrypted(`event ${index}`, body);
  return index;
}

interface About {
  add(named: ForeignSession, id: SessionId, indexes: readonly number[]): void;
  readonly has: Candidates["goesWith"];
}

/** Records that are about sessions of clients: what a client sent names none of them. */
function createAbout(): About {
  const ids = new Set<string>();
  const indexes = new Set<number>();
  const steps = new Set<string>();
  return {
    add({ tenant, session }, id, places) {
      ids.add(id);
      steps.add(stepsPrefix(tenant, session));
      for (const index of places) indexes.add(index);
    },
    has({ kind, key, json }, text, nowMs) {
      if (kind === "steps") return steps.has(key.slice(0, key.indexOf("/") + 1));
      if (kind === "approval") return isOverIn(ids, key, text, nowMs);
      return kind === "idempotency" && indexes.has(answeredIndex(json));
    },
  };
}

/** Nothing can come of it any more. One of which something can is removed by the server, later. */
function isOverIn(
  ids: ReadonlySet<string>,
  key: string,
  text: string | undefined,
  nowMs: number,
): boolean {
  const approval = text === undefined ? undefined : objectIn(text);
  const { tenant_id, session_id, created_ms, expires_ms } = approval ?? {};
  if (typeof tenant_id !== "string" || typeof session_id !== "string") return false;
  if (!key.startsWith(tenantPrefix(tenant_id))) return false;
  if (typeof created_ms !== "number" || typeof expires_ms !== "number") return false;
  // Allowed at the last moment it can be used for as long again.
  const isOver = nowMs > expires_ms + (expires_ms - created_ms);
  return isOver && ids.has(sessionKey(tenant_id, session_id));
}

/** Of the event that the key was answered with; -1 for what cannot be read. */
function answeredIndex(json: string): number {
  const { index } = objectIn(withoutSeal(json)) ?? {};
  return typeof index === "number" ? index : -1;
}

/** Undefined for what is none: it is about no session, and verify tells of it. */
function objectIn(text: string): JsonObject | undefined {
  try {
    const value: JsonValue = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    // ignored: that it is no JSON is the answer
    return undefined;
  }
}

export async function recordsThatGo(
  snapshot: Pick<Snapshot, "recordsFrom" | "openRecord">,
  { goesWith }: Candidates,
  nowMs: number,
): Promise<readonly LogRecord[]> {
  const gone: LogRecord[] = [];
  for await (const page of recordPages(snapshot)) {
    gone.push(...page.filter((one) => goesWith(one, recordText(snapshot, one), nowMs)));
  }
  return gone;
}
