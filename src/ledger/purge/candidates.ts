// Which sessions may be purged, and what goes with each: ended ones, all of whose events are older
// than a moment, with the records about them. Sessions that say what was purged are never among
// them.

import { AegisError } from "../../base/errors.ts";
import { ledgerPageSize } from "../../base/limits.ts";
import type { LogRecord } from "../control/contract.ts";
import { type ForeignSession, readSessionKey, tenantPrefix } from "../control/foreign.ts";
import { recordPages } from "../control/record-pages.ts";
import { withoutSeal } from "../control/record-seal.ts";
import { stepsPrefix } from "../control/session-records.ts";
import { isEncrypted, stillEncrypted } from "../encrypted/text.ts";
import { readSealed } from "../seal.ts";
import { isPurged, type SessionState } from "../session-state.ts";
import type { Snapshot, Store, StoredEvent } from "../store.ts";
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
  readonly goesWith: (record: LogRecord) => boolean;
}

/** As things are now: whoever takes them out has to see that they have not changed since. */
export async function findCandidates(store: Store, beforeUnixMs: number): Promise<Candidates> {
  const about = createAbout();
  const sessions: Candidate[] = [];
  for (const state of await store.sessions({ last: Number.MAX_SAFE_INTEGER })) {
    if (!mayGo(state, beforeUnixMs)) continue;
    const candidate = await readCandidate(store, state, beforeUnixMs, about);
    if (candidate !== undefined) sessions.push(candidate);
  }
  // In the order in which they began.
  return { sessions: sessions.reverse(), goesWith: (record) => about.has(record) };
}

/** What its row says already. */
function mayGo(state: SessionState, beforeUnixMs: number): boolean {
  const { closedUnixMs, mode } = state;
  const isEnded = closedUnixMs !== undefined && closedUnixMs < beforeUnixMs;
  return isEnded && mode !== purgeMode && !isPurged(state);
}

async function readCandidate(
  store: Store,
  state: SessionState,
  beforeUnixMs: number,
  about: About,
): Promise<Candidate | undefined> {
  const { id: session, nextSeq } = state;
  const digest = createPlacesDigest();
  const named = readSessionKey(session);
  const found: Found = { indexes: [], approvals: [] };
  for (let after = -1, seq = 0; seq < nextSeq; ) {
    const limit = Math.min(ledgerPageSize, nextSeq - seq);
    const page = await store.chain({ session, after, limit });
    for (const event of page) {
      // Something may come after the end: a tag, or what a client still recorded.
      if (event.tsUnixMs >= beforeUnixMs) return undefined;
      digest.add(event);
      // Only about clients' sessions there are records.
      if (named !== undefined) find(found, event);
    }
    const last = page.at(-1);
    if (last === undefined) throw incomplete(session);
    after = last.index;
    seq += page.length;
  }
  if (named !== undefined) about.add(named, found);
  return { state, places: digest.finish() };
}

function incomplete(session: string): AegisError {
  return new AegisError("ledger/tampered", `Cannot purge: session "${session}" lacks events`, {
    hint: "run `aegis audit verify`",
  });
}

/** What names records, in the events of one session. */
interface Found {
  readonly indexes: number[];
  /** Hashes of tokens. */
  readonly approvals: string[];
}

function find({ indexes, approvals }: Found, { index, body }: StoredEvent): void {
  if (isEncrypted(body)) throw stillEncrypted(`event ${index}`, body);
  indexes.push(index);
  const hash = readSealed(body)?.payload.approval_token_hash;
  if (typeof hash === "string") approvals.push(hash);
}

interface About {
  add(session: ForeignSession, found: Found): void;
  has(record: LogRecord): boolean;
}

/** Records that are about sessions of clients: by the places and names that their events have. */
function createAbout(): About {
  const indexes = new Set<number>();
  const steps = new Set<string>();
  const approvals = new Set<string>();
  return {
    add({ tenant, session }, found) {
      steps.add(stepsPrefix(tenant, session));
      for (const index of found.indexes) indexes.add(index);
      for (const hash of found.approvals) approvals.add(`${tenantPrefix(tenant)}${hash}`);
    },
    has({ kind, key, json }) {
      if (kind === "steps") return steps.has(key.slice(0, key.indexOf("/") + 1));
      if (kind === "approval") return approvals.has(key);
      return kind === "idempotency" && indexes.has(answeredIndex(json));
    },
  };
}

/** Of the event that the key was answered with; -1 for what cannot be read. */
function answeredIndex(json: string): number {
  try {
    const { index }: { index?: unknown } = JSON.parse(withoutSeal(json)) ?? {};
    return typeof index === "number" ? index : -1;
  } catch {
    // ignored: what is no record is about no session, and verify tells of it
    return -1;
  }
}

export async function recordsThatGo(
  snapshot: Pick<Snapshot, "recordsFrom">,
  { goesWith }: Candidates,
): Promise<readonly LogRecord[]> {
  const gone: LogRecord[] = [];
  for await (const page of recordPages(snapshot)) gone.push(...page.filter(goesWith));
  return gone;
}
