// Tool calls that wait for a person: what is pending, who may decide it once, and what was decided.
// Pure: where the records are kept, and what time it is, is the caller's business.

import { canonicalJson } from "../../base/canonical-json.ts";
import { sha256Hex } from "../../base/hash.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import { memberOf } from "../../model/json-object.ts";

export type ApprovalStatus = "PENDING" | "ALLOWED" | "DENIED";

/** What a reader is told: nothing is stored when a request expires. */
export interface ShownApproval extends Omit<Approval, "status"> {
  readonly status: ApprovalStatus | "EXPIRED";
  /** What the approver changed; absent where the arguments are those that were asked for. */
  readonly diff?: readonly Change[];
}

/** Names of the members are those of the wire. The token itself is never part of the record. */
export interface Approval {
  /** SHA-256, hex, of the token: what the record is found by. */
  readonly token_hash: string;
  readonly tenant_id: string;
  readonly session_id: string;
  readonly tool_name: string;
  /** Name of the key that asked; absent where nobody needs one. */
  readonly requested_by?: string;
  readonly orig_args: JsonObject;
  readonly created_ms: number;
  readonly expires_ms: number;
  readonly status: ApprovalStatus;
  readonly decided_ms?: number;
  /** Who decided: never the agent that asked. */
  readonly decided_by?: string;
  readonly final_args?: JsonObject;
  readonly message?: string;
  /** When the allowed call went on; it does so once. */
  readonly used_ms?: number;
}

export interface ApprovalRequest {
  readonly tenant: string;
  readonly session: string;
  readonly tool: string;
  readonly args: JsonObject;
  /** Name of the key that asks; undefined where callers have none. */
  readonly requester?: string | undefined;
}

/** What a server was started with. */
export interface ApprovalRules {
  /** How long a request waits, and how long an allowed call may then take to go on. */
  readonly ttlMs: number;
  /** Whoever asked for a call may decide about it as well. */
  readonly isOwnDecided: boolean;
}

/** Who decides. */
export interface Approver {
  readonly name: string;
  readonly isAgent: boolean;
  /** The name is a key's, and nobody else's. */
  readonly isKnown: boolean;
}

export interface ApprovalDecision {
  readonly allow: boolean;
  /** Only with `allow`: what the tool is called with instead. */
  readonly edited_args?: JsonObject | undefined;
  readonly message?: string | undefined;
}

export interface Change {
  readonly key: string;
  readonly op: "add" | "remove" | "change";
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

/** What an approver changed in the arguments. */
export interface StagedPatch {
  readonly orig_args: JsonObject;
  readonly new_args: JsonObject;
  readonly diff: readonly Change[];
}

export type RefusalCode =
  | "approval_not_found"
  | "approval_decided"
  | "approval_expired"
  | "approval_own_request"
  | "role_forbidden";

export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
}

export const usualRules: ApprovalRules = { ttlMs: 600_000, isOwnDecided: false };

/** Where the secret and the randomness of tokens come from. */
export interface TokenMaker {
  readonly secret: Uint8Array;
  /** 8 fresh random bytes. */
  nonce(): Uint8Array;
}

/**
 * A token and its record: 16 hex digits of HMAC-SHA256 over what was asked, a hyphen, and the nonce
 * in 16 hex digits. Whoever holds the token may decide, so only its hash is kept.
 */
export function requestApproval(
  { tenant, session, tool, args, requester }: ApprovalRequest,
  maker: TokenMaker,
  nowMs: number,
  { ttlMs }: ApprovalRules = usualRules,
): { readonly token: string; readonly approval: Approval } {
  const nonce = maker.nonce().toHex();
  const signed = new Bun.CryptoHasher("sha256", maker.secret)
    .update([tenant, session, tool, nonce, String(nowMs)].join("|"))
    .digest("hex");
  const token = `${signed.slice(0, 16)}-${nonce}`;
  const approval: Approval = {
    token_hash: hashToken(token),
    tenant_id: tenant,
    session_id: session,
    tool_name: tool,
    ...(requester === undefined ? {} : { requested_by: requester }),
    orig_args: args,
    created_ms: nowMs,
    expires_ms: nowMs + ttlMs,
    status: "PENDING",
  };
  return { token, approval };
}

export function hashToken(token: string): string {
  return sha256Hex(token);
}

/** @param approver refused when it is an agent, or asked for the call itself */
export function decideApproval(
  approval: Approval | undefined,
  decision: ApprovalDecision,
  approver: Approver,
  nowMs: number,
  { isOwnDecided }: ApprovalRules = usualRules,
): Result<{ readonly approval: Approval; readonly patch: StagedPatch | undefined }, Refusal> {
  if (approval === undefined) return refuse("approval_not_found", "approval: token not found");
  if (approval.status !== "PENDING") return refuse("approval_decided", "approval: already decided");
  if (nowMs > approval.expires_ms) return refuse("approval_expired", "approval: token expired");
  if (approver.isAgent)
    return refuse("role_forbidden", "approval: an agent cannot approve tool calls");
  if (!isOwnDecided && approver.isKnown && approver.name === approval.requested_by) {
    const whose = JSON.stringify(approver.name);
    const message = `approval: the key ${whose} asked for this call; another one has to decide`;
    return refuse("approval_own_request", message);
  }
  const { allow, edited_args, message } = decision;
  const finalArgs = edited_args ?? approval.orig_args;
  const decided: Approval = {
    ...approval,
    status: allow ? "ALLOWED" : "DENIED",
    decided_ms: nowMs,
    decided_by: approver.name,
    ...(allow ? { final_args: finalArgs } : {}),
    ...(message === undefined || message === "" ? {} : { message }),
  };
  const isEdited = allow && edited_args !== undefined;
  return ok({ approval: decided, patch: isEdited ? patchOf(approval, edited_args) : undefined });
}

export function isWaiting({ status, expires_ms }: Approval, nowMs: number): boolean {
  return status === "PENDING" && nowMs <= expires_ms;
}

export function shownApproval(approval: Approval, nowMs: number): ShownApproval {
  const { status, final_args } = approval;
  const isExpired = status === "PENDING" && !isWaiting(approval, nowMs);
  const diff = final_args === undefined ? [] : patchOf(approval, final_args).diff;
  return {
    ...approval,
    status: isExpired ? "EXPIRED" : status,
    ...(diff.length === 0 ? {} : { diff }),
  };
}

/** An allowed call goes on as long after the decision as the request would have waited. */
export function isUsable(approval: Approval, nowMs: number): boolean {
  const { status, created_ms, expires_ms, decided_ms = 0, used_ms } = approval;
  const ttlMs = expires_ms - created_ms;
  return status === "ALLOWED" && used_ms === undefined && nowMs <= decided_ms + ttlMs;
}

/**
 * True when nothing can come of it any more, and of no older text of the record either, whoever
 * puts that back: one that was decided at the last moment can be used for as long again.
 * @param keptMs how long it is kept then
 */
export function isDone(
  { created_ms, expires_ms }: Approval,
  nowMs: number,
  keptMs: number,
): boolean {
  const ttlMs = expires_ms - created_ms;
  return nowMs > expires_ms + ttlMs + keptMs;
}

function patchOf({ orig_args }: Approval, new_args: JsonObject): StagedPatch {
  const keys = [...new Set([...Object.keys(orig_args), ...Object.keys(new_args)])].sort();
  const diff = keys.flatMap((key): Change[] => {
    // Not what every object has.
    const before = memberOf(orig_args, key);
    const after = memberOf(new_args, key);
    if (before === undefined) return after === undefined ? [] : [{ key, op: "add", after }];
    if (after === undefined) return [{ key, op: "remove", before }];
    const isSame = canonicalJson(before) === canonicalJson(after);
    return isSame ? [] : [{ key, op: "change", before, after }];
  });
  return { orig_args, new_args, diff };
}

function refuse(code: RefusalCode, message: string): Result<never, Refusal> {
  return err({ code, message });
}
