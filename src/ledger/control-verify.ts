// Verifying one session from its stored bytes: content, columns and chain. The tree and everything
// derived is verify.ts' business.

import { equalBytes, sha256Hex } from "../base/hash.ts";
import type { SessionId } from "../base/ids.ts";
import { ledgerPageSize } from "../base/limits.ts";
import type { SessionVerdict } from "./control-contract.ts";
import { isEncrypted } from "./encrypted-text.ts";
import { sessionKey } from "./foreign.ts";
import { leafHash } from "./merkle.ts";
import { checkSealed } from "./seal.ts";
import type { Store, StoredEvent } from "./store.ts";

/** The end of the chain so far. */
interface Reached {
  readonly nextSeq: number;
  /** Base64; "" before the first event. */
  readonly lastHash: string;
}

export async function verifyChain(
  store: Pick<Store, "chain" | "session">,
  session: SessionId,
): Promise<SessionVerdict> {
  let reached: Reached = { nextSeq: 0, lastHash: "" };
  for (let after = -1; ; ) {
    const page = await store.chain({ session, after, limit: ledgerPageSize });
    for (const stored of page) {
      const next = follow(reached, stored, session);
      if (typeof next === "string") return bad(stored.seq, next);
      reached = next;
      after = stored.index;
    }
    if (page.length < ledgerPageSize) break;
  }
  const row = await store.session(session);
  const isWhole =
    (row?.nextSeq ?? 0) === reached.nextSeq && (row?.lastHash ?? "") === reached.lastHash;
  if (isWhole) return { valid: true, firstBadSeq: 0, error: "" };
  return bad(reached.nextSeq, `eventlog: events are missing from seq=${reached.nextSeq} on`);
}

function follow(
  { nextSeq, lastHash }: Reached,
  stored: StoredEvent,
  session: SessionId,
): Reached | string {
  const { seq, body, leaf, tsUnixMs, type, storedBody = body } = stored;
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
  return { nextSeq: seq + 1, lastHash: Uint8Array.fromHex(sha256Hex(body)).toBase64() };
}

function bad(firstBadSeq: number, error: string): SessionVerdict {
  return { valid: false, firstBadSeq, error };
}
