// Verifying one session from its stored bytes: content, columns and chain, what is kept about it
// beside its events, and that its last event, which all before hang on, stands in the ledger's
// tree. That the whole tree is made of what is stored takes reading all of it: verify.ts.

import { equalBytes } from "../../base/hash.ts";
import type { SessionId } from "../../base/ids.ts";
import { isEncrypted } from "../encrypted/text.ts";
import { checkSealed } from "../seal.ts";
import {
  addEvent,
  decisionOf,
  differences,
  isPurged,
  newSession,
  type SessionTally,
} from "../session-state.ts";
import type { ChainPage, Store, StoredEvent } from "../store.ts";
import { leafHash } from "../tree/merkle.ts";
import { type OutsideTree, type StandingEvent, standingProblem } from "../tree/standing.ts";
import type { SessionVerdict } from "./contract.ts";
import { type DecidedApprovals, noteDecision } from "./decided-approvals.ts";
import { readSessionKey, sessionKey } from "./foreign.ts";
import { sessionRecordsProblem } from "./session-records.ts";

/** The chain as far as it was followed. */
interface Reached {
  /** What its events add up to. */
  readonly tally: SessionTally;
  last: StandingEvent | undefined;
  /** Hashes of tokens that its events name. */
  readonly approvals: Set<string>;
  readonly decided: DecidedApprovals;
}

type ReadStore = Pick<
  Store,
  "chain" | "session" | "origin" | "head" | "nodes" | "checkpoints" | "record" | "records"
>;

export async function verifyChain(
  store: ReadStore,
  session: SessionId,
  outside: OutsideTree | undefined,
): Promise<SessionVerdict> {
  const reached: Reached = {
    tally: newSession(session),
    last: undefined,
    approvals: new Set(),
    decided: new Map(),
  };
  const { tally, approvals, decided } = reached;
  const first = await walk(store, session, reached, Number.MAX_SAFE_INTEGER);
  if (first !== undefined) return first;
  const row = await store.session(session);
  if (row === undefined) {
    if (tally.nextSeq === 0) return { valid: true, firstBadSeq: 0, error: "" };
    return bad(tally.nextSeq, "eventlog: the session has events but no row");
  }
  if (isPurged(row)) return bad(0, "eventlog: the events of the session were purged");
  // What was stored between the two reads is no gap: it is there by now, up to what was counted.
  const second = await walk(store, session, reached, row.nextSeq);
  if (second !== undefined) return second;
  const { nextSeq, lastHash } = tally;
  const isShort = row.nextSeq > nextSeq || (row.nextSeq === nextSeq && row.lastHash !== lastHash);
  if (isShort) return bad(nextSeq, `eventlog: events are missing from seq=${nextSeq} on`);
  const fields = differences(row, tally);
  if (fields.length > 0) {
    return bad(nextSeq, `eventlog: the session has a row with another ${fields.join(", ")}`);
  }
  const { last } = reached;
  const problem = last === undefined ? undefined : await standingProblem(store, last, outside);
  if (problem !== undefined) return bad(nextSeq, `eventlog: ${problem}`);
  const named = readSessionKey(session);
  const changed = named && (await sessionRecordsProblem(store, { ...named, approvals, decided }));
  if (changed !== undefined) return bad(nextSeq, `eventlog: ${changed}`);
  return { valid: true, firstBadSeq: 0, error: "" };
}

/** Events checked before anybody else has a turn. */
const pageSize = 500;

/** From where the chain was followed to, as far as it goes or to the event before `end`. */
async function walk(
  store: Pick<Store, "chain">,
  session: SessionId,
  reached: Reached,
  end: number,
): Promise<SessionVerdict | undefined> {
  let after: number | undefined = reached.last?.index ?? -1;
  while (after !== undefined && reached.tally.nextSeq < end) {
    const limit = Math.min(pageSize, end - reached.tally.nextSeq);
    const page: ChainPage = await store.chain({ session, after, limit });
    for (const stored of page.events) {
      const problem = follow(reached, stored, session);
      if (problem !== undefined) return bad(stored.seq, problem);
    }
    after = page.next;
  }
  return undefined;
}

function follow(reached: Reached, stored: StoredEvent, session: SessionId): string | undefined {
  const { tally, last } = reached;
  const { index, seq, body, leaf, tsUnixMs, type, storedBody = body } = stored;
  const mismatch = `eventlog: hash mismatch at seq=${seq}`;
  if (!equalBytes(leafHash(storedBody), leaf)) return mismatch;
  if (stored.isMisplaced === true) return `eventlog: not encrypted in its place at seq=${seq}`;
  if (isEncrypted(body)) return `eventlog: no payload key opens seq=${seq}`;
  const checked = checkSealed(body);
  if (checked?.isCanonical !== true) return mismatch;
  const { event } = checked;
  const isOwnColumns =
    event.seq === seq &&
    event.ts_unix_ms === tsUnixMs &&
    event.event_type === type &&
    decisionOf(event.payload) === stored.decision &&
    sessionKey(event.tenant_id, event.session_id) === session;
  if (!isOwnColumns) return mismatch;
  if (event.prev_hash !== tally.lastHash) {
    return `eventlog: broken chain at seq=${seq} (prev_hash mismatch)`;
  }
  if (seq !== tally.nextSeq) return `eventlog: seq gap: expected ${tally.nextSeq} got ${seq}`;
  if (last !== undefined && index <= last.index) {
    return `eventlog: seq=${seq} stands before seq=${seq - 1} in the ledger`;
  }
  addEvent(tally, event);
  const { approval_token_hash: hash } = event.payload;
  if (typeof hash === "string") reached.approvals.add(hash);
  noteDecision(reached.decided, event);
  reached.last = { index, leaf };
  return undefined;
}

function bad(firstBadSeq: number, error: string): SessionVerdict {
  return { valid: false, firstBadSeq, error };
}
