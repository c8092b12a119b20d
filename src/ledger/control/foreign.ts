// Events of other parties: sealed by a client in its own canonical form, or for it in ours. Their
// bytes are kept as they were hashed, so that they stay verifiable for ever. Anyone may send them.

import { canonicalText, type Dialect, dialects } from "../../base/canonical-dialects.ts";
import { canonicalJson } from "../../base/canonical-json.ts";
import { AegisError } from "../../base/errors.ts";
import { equalBytes, fromBase64, sha256 } from "../../base/hash.ts";
import type { SessionId } from "../../base/ids.ts";
import {
  type JsonTree,
  NumberText,
  type PlainJson,
  parseJsonText,
  plainJson,
  printableJson,
} from "../../base/json-text.ts";
import { inexactIn, type SpelledJson } from "../../base/spelled-json.ts";
import type { JsonObject, SealedEvent } from "../../model/event.ts";

/** Events that no control plane sent carry this tenant; clients may not. */
export const localTenant = "local";

/** How a sealer wrote the hash of the event before: it is part of what it hashed. */
type HashSpelling = "base64" | "ints" | "hex";
const hashSpellings: readonly HashSpelling[] = ["base64", "ints", "hex"];

/** An event of a client before it is sealed or checked. */
export interface ForeignEvent {
  readonly tenant: string;
  readonly user: string;
  readonly session: string;
  readonly seq: number;
  readonly tsUnixMs: number;
  readonly type: string;
  readonly payload: SpelledJson;
  /** Base64 of 32 bytes; undefined for the first of a session. */
  readonly prevHash: string | undefined;
}

export interface SealedText {
  /** The canonical form without `hash`. */
  readonly body: string;
  readonly hash: Uint8Array;
  /** The payload as it is hashed, where a number in it is none that a double holds. */
  readonly spelled: JsonTree | undefined;
}

/**
 * Seals as the reference daemon does where its form and RFC 8785 are the same; a payload that those
 * would turn into another one, with its numbers as they are spelled.
 */
export function sealForeign(event: ForeignEvent): SealedText {
  const isExact = event.payload.inexact() === undefined;
  return sealAs(event, isExact ? "rfc8785" : "python", "base64");
}

/** The form in which the event has that hash; undefined when there is none: it was changed. */
export function findSeal(event: ForeignEvent, hash: Uint8Array): SealedText | undefined {
  for (const dialect of dialects) {
    const sealed = sealIn(event, dialect, hash);
    if (sealed !== undefined) return sealed;
  }
  return undefined;
}

/** The same in one dialect, however the hash of the event before is spelled. */
export function sealIn(
  event: ForeignEvent,
  dialect: Dialect,
  hash: Uint8Array,
): SealedText | undefined {
  const spellings = event.prevHash === undefined ? hashSpellings.slice(0, 1) : hashSpellings;
  for (const spelling of spellings) {
    const sealed = sealAs(event, dialect, spelling);
    if (equalBytes(sealed.hash, hash)) return sealed;
  }
  return undefined;
}

/** The names of the envelope are known, and so is their order in every dialect. */
function sealAs(event: ForeignEvent, dialect: Dialect, spelling: HashSpelling): SealedText {
  const { prevHash, payload } = event;
  const isOurs = dialect === "rfc8785";
  const text = (value: string) => (isOurs ? canonicalJson(value) : canonicalText(value, dialect));
  const prev = prevHash === undefined ? "" : `"prev_hash":${spelled(prevHash, spelling)},`;
  const body =
    `{"event_type":${text(event.type)},"payload":${payload.form(dialect)},${prev}` +
    `"seq":${event.seq},"session_id":${text(event.session)},` +
    `"tenant_id":${text(event.tenant)},"ts_unix_ms":${event.tsUnixMs},` +
    `"user_id":${text(event.user)}}`;
  const asSpelled = dialect === "python" ? payload.inexact() : undefined;
  return { body, hash: sha256(body), spelled: asSpelled };
}

/** @returns its JSON */
function spelled(hash: string, spelling: HashSpelling): string {
  if (spelling === "base64") return `"${hash}"`;
  const bytes = Uint8Array.fromBase64(hash);
  return spelling === "hex" ? `"${bytes.toHex()}"` : `[${bytes.join(",")}]`;
}

/** What a stored foreign event says. */
export interface ReadForeign {
  /** `payload` is wrapped as `{ value }` where it is no object. */
  readonly event: SealedEvent;
  readonly payload: PlainJson;
  /** The payload for `JSON.stringify` alone, which prints its numbers as they were hashed. */
  readonly printable: () => PlainJson;
  /** The payload as it was hashed, where a number in it is none that a double holds. */
  readonly spelled: JsonTree | undefined;
  /** The bytes are a canonical form of some dialect, and so the only spelling of it. */
  isCanonical(): boolean;
}

/** The event as others are told of it. @param hash base64 */
export function sealedForeign(event: ForeignEvent, payload: PlainJson, hash: string): SealedEvent {
  return {
    tenant_id: event.tenant,
    user_id: event.user,
    session_id: event.session as SessionId,
    seq: event.seq,
    ts_unix_ms: event.tsUnixMs,
    event_type: event.type,
    payload: isObject(payload) ? payload : { value: payload },
    prev_hash: event.prevHash ?? "",
    hash,
  };
}

/** Undefined when the text is no envelope of a client's. */
export function readForeign(text: string, hash: string): ReadForeign | undefined {
  const tree = treeOf(text);
  if (!(tree instanceof Map)) return undefined;
  const value = tree as ReadonlyMap<string, JsonTree>;
  const text_ = (name: string) => {
    const member = value.get(name);
    return typeof member === "string" ? member : undefined;
  };
  const [tenant, user, session] = [text_("tenant_id"), text_("user_id"), text_("session_id")];
  const type = text_("event_type");
  const [seq, tsUnixMs] = [integer(value.get("seq")), integer(value.get("ts_unix_ms"))];
  const prev = readHash(value.get("prev_hash"));
  if (tenant === undefined || user === undefined || session === undefined) return undefined;
  if (type === undefined || seq === undefined || tsUnixMs === undefined) return undefined;
  if (prev === undefined || !value.has("payload")) return undefined;
  const sent = value.get("payload") ?? null;
  const payload = plainJson(sent);
  const event: SealedEvent = {
    tenant_id: tenant,
    user_id: user,
    session_id: session as SessionId,
    seq,
    ts_unix_ms: tsUnixMs,
    event_type: type,
    payload: isObject(payload) ? payload : { value: payload },
    prev_hash: prev,
    hash,
  };
  const isCanonical = () => dialects.some((name) => isFormOf(tree, name, text));
  const printable = () => printableJson(sent);
  return { event, payload, printable, spelled: inexactIn(sent), isCanonical };
}

/**
 * As `readForeign`, several times as fast, for what nearly all events are: our own canonical form,
 * which `value` is parsed from. Undefined for every other one.
 */
export function readOwnForm(text: string, value: unknown, hash: string): ReadForeign | undefined {
  if (!isPlainObject(value) || !isOwnForm(text, value)) return undefined;
  const { tenant_id, user_id, session_id, event_type, seq, ts_unix_ms, prev_hash, payload } = value;
  if (typeof tenant_id !== "string" || typeof user_id !== "string") return undefined;
  if (typeof session_id !== "string" || typeof event_type !== "string") return undefined;
  if (!isCount(seq) || !isCount(ts_unix_ms) || payload === undefined) return undefined;
  if (prev_hash !== undefined && typeof prev_hash !== "string") return undefined;
  const prev = readHash(prev_hash);
  if (prev === undefined) return undefined;
  const event: SealedEvent = {
    tenant_id,
    user_id,
    session_id: session_id as SessionId,
    seq,
    ts_unix_ms,
    event_type,
    payload: isObject(payload) ? payload : { value: payload },
    prev_hash: prev,
    hash,
  };
  const printable = () => payload;
  return { event, payload, printable, spelled: undefined, isCanonical: () => true };
}

/** Written again it is the same text: so no name is there twice, and no number is spelled oddly. */
function isOwnForm(text: string, value: JsonObject): boolean {
  try {
    return canonicalJson(value) === text;
  } catch (error) {
    if (error instanceof AegisError) return false;
    throw error;
  }
}

function isPlainObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: PlainJson | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isFormOf(tree: JsonTree, dialect: Dialect, text: string): boolean {
  try {
    return canonicalText(tree, dialect) === text;
  } catch (error) {
    if (error instanceof AegisError) return false;
    throw error;
  }
}

function treeOf(text: string): JsonTree | undefined {
  try {
    const tree = parseJsonText(text);
    plainJson(tree);
    return tree;
  } catch (error) {
    if (error instanceof AegisError) return undefined;
    throw error;
  }
}

function integer(member: JsonTree | undefined): number | undefined {
  const value = member instanceof NumberText ? Number(member.text) : undefined;
  return Number.isSafeInteger(value) && Number(value) >= 0 ? value : undefined;
}

/** Base64 of 32 bytes however they are spelled; "" for none; undefined for something else. */
function readHash(member: JsonTree | undefined): string | undefined {
  if (member === undefined || member === "") return "";
  const bytes = hashBytes(member);
  return bytes === undefined ? undefined : bytes.toBase64();
}

/** The 32 bytes that base64, hex or a list of integers stands for. */
export function hashBytes(member: JsonTree): Uint8Array | undefined {
  if (typeof member === "string") {
    const bytes = /^[0-9a-fA-F]{64}$/.test(member)
      ? Uint8Array.fromHex(member)
      : fromBase64(member);
    return bytes?.length === 32 ? bytes : undefined;
  }
  if (!Array.isArray(member) || member.length !== 32) return undefined;
  const bytes = member.map((item: JsonTree) =>
    item instanceof NumberText ? Number(item.text) : -1,
  );
  const areBytes = bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255);
  return areBytes ? Uint8Array.from(bytes) : undefined;
}

function isObject(value: PlainJson): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What a session's rows are kept under: its own id for those of this machine, tenant and id for
 * clients', whose ids are only unique within their tenant.
 */
export function sessionKey(tenant: string, session: string): SessionId {
  // Ids of this machine's sessions hold no "/": with one it would be a client's session.
  if (tenant === localTenant && !session.includes("/")) return session as SessionId;
  return `${tenantPrefix(tenant)}${session}` as SessionId;
}

/** Tenant and id of a client's session; undefined where the key is none of a client's. */
export function readSessionKey(key: string): ForeignSession | undefined {
  const cut = key.indexOf("/");
  if (cut < 1 || cut === key.length - 1) return undefined;
  const tenant = key.slice(0, cut).replaceAll("%2F", "/").replaceAll("%25", "%");
  const session = key.slice(cut + 1);
  return sessionKey(tenant, session) === key ? { tenant, session } : undefined;
}

export interface ForeignSession {
  readonly tenant: string;
  readonly session: string;
}

/** What the keys of all sessions of a tenant begin with, and no other's. */
export function tenantPrefix(tenant: string): string {
  return `${tenant.replace(/[%/]/g, encodeURIComponent)}/`;
}
