// Verifying one session from its stored bytes: content, columns and chain. The tree and everything
// derived is verify.ts' business.

import { equalBytes, sha256Hex } from "../../base/hash.ts";
import type { SessionId } from "../../base/ids.ts";
import { ledgerPageSize } from "../../base/limits.ts";
import { isEncrypted } from "../encrypted/text.ts";
import { checkSealed } from "../seal.ts";
import type { Store, StoredEvent } from "../store.ts";
import { leafHash } from "../tree/merkle.ts";
import type { SessionVerdict } from "./contract.ts";
import { sessionKey } from "./foreign.ts";

/** The end of the chain so far. */
interface Reached {
  readonly nextSeq: number;
  /** Base64; "" before the first event. */
  readonly lastHash: string;
  /** In the tree. */
  readonly index: number;
}

const start: Reached = { nextSeq: 0, lastHash: "", index: -1 };

export async function verifyChain(
  store: Pick<Store, "chain" | "session">,
  session: SessionId,
): Promise<SessionVerdict> {
  const whole = await walk(store, session, start, Number.MAX_SAFE_INTEGER);
  if ("valid" in whole) return whole;
  const { nextSeq = 0, lastHash = "" } = (await store.session(session)) ?? {};
  // What was stored between the two reads is no gap: it is there by now, up to what was counted.
  const reached = nextSeq > whole.nextSeq ? await walk(store, session, whole, nextSeq) : whole;
  if ("valid" in reached) return reached;
  if (reached.nextSeq === nextSeq && reached.lastHash === lastHash)
    return { valid: true, firstBadSeq: 0, error: "" };
  return bad(reached.nextSeq, `eventlog: events are missing from seq=${reached.nextSeq} on`);
}

/** From where the chain was verified to, as far as it goes or to the event before `end`. */
async function walk(
  store: Pick<Store, "chain">,
  session: SessionId,
  from: Reached,
  end: number,
): Promise<Reached | SessionVerdict> {
  let reached = from;
  for (;;) {
    const limit = Math.min(ledgerPageSize, end - reached.nextSeq);
    const page = await store.chain({ session, after: reached.index, limit });
    for (const stored of page) {
      const next = follow(reached, stored, session);
      if (typeof next === "string") return bad(stored.seq, next);
      reached = next;
    }
    if (page.length < ledgerPageSize) return reached;
  }
}

function follow(
  { nextSeq, lastHash }: Reached,
  stored: StoredEvent,
  session: SessionId,
): Reached | string {
  const { index, seq, body, leaf, tsUnixMs, type, storedBody = body } = stored;
  if (!equalBytes(leafHash(storedBody), leaf)) return `eventlog: hash mismatch at seq=${seq}`;
  if (isEncrypted(body)) return `eventlog: no payload key opens seq=${seq}`;
  const checked = checkSealed(body);
  if (checked?.isCanonical !== true) return `eventlog: hash mismatch at seq=${seq}`;
  const { event } = checked;
  const isOwnColumns =
    event.seq === seq &&
    event.ts_unix_ms === tsUnixMs &&
    event.event_type === type &&
    sessionKey(event.tenant_id, event.session_id) === session;
  if (!isOwnColumns) return `eventlog: hash mismatch at seq=${seq}`;
  if (event.prev_hash !== lastHash) {
    return `eventlog: broken chain at seq=${seq} (prev_hash mismatch)`;
  }
  if (seq !== nextSeq) return `eventlog: seq gap: expected ${nextSeq} got ${seq}`;
  return { nextSeq: seq + 1, lastHash: Uint8Array.fromHex(sha256Hex(body)).toBase64(), index };
}

function bad(firstBadSeq: number, error: string): SessionVerdict {
  return { valid: false, firstBadSeq, error };
}
