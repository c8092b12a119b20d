// Sealing: from a draft to the envelope, its canonical bytes and its two hashes, and back. Pure.
// One text serves both: `hash` is SHA-256 of the canonical form without `hash`, and the tree's leaf
// data is that same form, so the leaf hash is SHA-256 of a zero byte and it.

import { canonicalJson } from "../base/canonical-json.ts";
import { AegisError } from "../base/errors.ts";
import { sha256 } from "../base/hash.ts";
import type { SessionId } from "../base/ids.ts";
import { eventSizeMaxBytes } from "../base/limits.ts";
import type { EventDraft, JsonObject, SealedEvent } from "../model/event.ts";
import { localTenant, type ReadForeign, readForeign, readOwnForm } from "./control/foreign.ts";
import type { Hash } from "./tree/merkle.ts";

/** A byte order mark is no part of canonical text, so it must not be dropped unseen. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The last moment that has a date in JavaScript, and so in every listing. */
const unixMsMax = 8.64e15;

/** Where the next event goes, and whose it is. */
export interface ChainPosition {
  readonly tenant: string;
  readonly user: string;
  /** As the envelope names it: a client's session without its tenant. */
  readonly session: string;
  readonly seq: number;
  /** `hash` of the event before; `""` for `seq` 0. */
  readonly prevHash: string;
}

export interface Sealed {
  readonly event: SealedEvent;
  /** Canonical form without `hash`: what is stored and hashed. */
  readonly body: string;
  readonly leaf: Hash;
}

export type Sealer = (at: ChainPosition, draft: EventDraft) => Sealed;

/** Reuses one buffer, so a sealer belongs to one ledger and is not re-entrant. */
export function createSealer(): Sealer {
  const encoder = new TextEncoder();
  const leafInput = new Uint8Array(eventSizeMaxBytes + 1);
  const bytes = leafInput.subarray(1);

  return (at, draft) => {
    const body = envelopeText(at, draft);
    const { read, written } = encoder.encodeInto(body, bytes);
    if (read < body.length) {
      throw invalid(draft, `it is larger than ${eventSizeMaxBytes} bytes`);
    }
    const event: SealedEvent = {
      tenant_id: at.tenant,
      user_id: at.user,
      session_id: at.session as SessionId,
      seq: at.seq,
      ts_unix_ms: draft.tsUnixMs,
      event_type: draft.type,
      payload: draft.payload,
      prev_hash: at.prevHash,
      hash: sha256(leafInput.subarray(1, written + 1)).toBase64(),
    };
    return { event, body, leaf: sha256(leafInput.subarray(0, written + 1)) };
  };
}

// The envelope's keys are fixed, so their order is written down here instead of being sorted.
function envelopeText(at: ChainPosition, draft: EventDraft): string {
  const { tsUnixMs } = draft;
  if (!Number.isSafeInteger(tsUnixMs) || tsUnixMs < 0 || tsUnixMs > unixMsMax) {
    throw invalid(draft, `its time ${tsUnixMs} is not a number of milliseconds`);
  }
  // In sessions of clients the first event has no hash before it at all.
  const isFirstForeign = at.prevHash === "" && at.tenant !== localTenant;
  return (
    `{"event_type":${canonicalJson(draft.type)},"payload":${canonicalJson(draft.payload, 1)},` +
    (isFirstForeign ? "" : `"prev_hash":"${at.prevHash}",`) +
    `"seq":${at.seq},"session_id":${canonicalJson(at.session)},` +
    `"tenant_id":${canonicalJson(at.tenant)},"ts_unix_ms":${tsUnixMs},` +
    `"user_id":${canonicalJson(at.user)}}`
  );
}

/**
 * The event whose canonical bytes these are, with its `hash`; undefined when they are no envelope.
 * Says nothing about who wrote them.
 */
export function readSealed(body: Uint8Array): SealedEvent | undefined {
  const text = utf8.decode(body);
  const value = parseJson(text);
  const hash = sha256(body).toBase64();
  if (isEnvelope(value)) return { ...value, hash };
  return isOurs(value) ? undefined : readOther(text, value, hash)?.event;
}

/**
 * As `readSealed`, and whether the bytes are what sealing writes: no second spelling is accepted.
 */
export function checkSealed(
  body: Uint8Array,
): { readonly event: SealedEvent; readonly isCanonical: boolean } | undefined {
  const text = utf8.decode(body);
  const value = parseJson(text);
  const hash = sha256(body).toBase64();
  if (isEnvelope(value))
    return { event: { ...value, hash }, isCanonical: isCanonicalText(text, value) };
  const read = isOurs(value) ? undefined : readOther(text, value, hash);
  return read === undefined ? undefined : { event: read.event, isCanonical: read.isCanonical() };
}

/** An event of a client, by the text it is stored as. */
export function readClients(text: string, hash: string): ReadForeign | undefined {
  return readOther(text, parseJson(text), hash);
}

function readOther(text: string, value: unknown, hash: string): ReadForeign | undefined {
  return readOwnForm(text, value, hash) ?? readForeign(text, hash);
}

/** The tenant says who sealed an event; what is no object at all is ours and damaged. */
function isOurs(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const { tenant_id }: { tenant_id?: unknown } = value;
  return typeof tenant_id !== "string" || tenant_id === localTenant;
}

function isCanonicalText(text: string, value: Envelope): boolean {
  try {
    return canonicalJson(value) === text;
  } catch {
    // ignored: what cannot be written canonically was not written so, which is the answer
    return false;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // ignored: text that is not JSON is no envelope, which is what the caller reports
    return undefined;
  }
}

type Envelope = Omit<SealedEvent, "hash">;

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== "object" || value === null) return false;
  const found: Partial<Record<keyof Envelope, unknown>> = value;
  return (
    found.tenant_id === localTenant &&
    typeof found.user_id === "string" &&
    typeof found.session_id === "string" &&
    Number.isSafeInteger(found.seq) &&
    Number.isSafeInteger(found.ts_unix_ms) &&
    typeof found.event_type === "string" &&
    typeof found.prev_hash === "string" &&
    isJsonObject(found.payload)
  );
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(draft: EventDraft, why: string): AegisError {
  return new AegisError("ledger/invalid-event", `Cannot record a ${draft.type} event: ${why}`);
}
