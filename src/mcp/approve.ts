// Waiting for a person's decision about a tool call. The wait is bounded: a caller that is told to
// come back finds its request again by what it asks for, and an approval lets one call through.

import { pause } from "../app/pause.ts";
import {
  type ApprovalStore,
  approvalPages,
  askApproval,
  type KeptApproval,
  keptApproval,
  useApproval,
} from "../app/serve/approval-requests.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import { type Approval, isUsable, isWaiting } from "../control/approvals/router.ts";
import type { Advice } from "../control/decide/advice.ts";
import { tenantPrefix } from "../ledger/control/foreign.ts";
import type { JsonObject } from "../model/event.ts";
import type { GateParts, OpenCall, OpenCalls } from "./gate.ts";
import type { CallName, CallSession } from "./record.ts";
import { notRecorded, type ProxyError, rpcCodes } from "./refusal.ts";

export interface Approved {
  readonly kind: "approved";
  readonly tokenHash: string;
  /** Undefined: the call goes on as it was asked for. */
  readonly editedArgs: JsonObject | undefined;
}

type Answer =
  | Approved
  | { readonly kind: "denied"; readonly reason: string; readonly advice: Advice }
  /** Nobody decided in time; or the request cannot be kept. */
  | { readonly kind: "waits"; readonly error: ProxyError };

export interface Waiting {
  readonly key: string;
  readonly calls: OpenCalls;
  /** Set when the same call asked before. */
  readonly known: OpenCall | undefined;
  readonly seq: number;
}

/** How often the record is looked at: another process may have decided. */
const lookEveryMs = 100;

/** Requests of this session that wait, or are allowed and were not used. */
export async function openApprovals(
  { log, nowMs, secret }: Pick<ApprovalStore, "log" | "nowMs" | "secret">,
  { tenant, id }: CallSession,
): Promise<readonly { tool: string; args: JsonObject; hash: string }[]> {
  const open: { tool: string; args: JsonObject; hash: string }[] = [];
  for await (const page of approvalPages({ log, secret }, tenantPrefix(tenant))) {
    for (const { approval } of page) {
      if (approval.session_id !== id || !isOpen(approval, nowMs())) continue;
      const { tool_name: tool, orig_args: args, token_hash: hash } = approval;
      open.push({ tool, args, hash });
    }
  }
  return open;
}

function isOpen(approval: Approval, nowMs: number): boolean {
  return isWaiting(approval, nowMs) || isUsable(approval, nowMs);
}

export async function approve(
  parts: GateParts,
  session: CallSession,
  name: CallName,
  args: JsonObject,
  signal: AbortSignal,
  waiting: Waiting,
): Promise<Answer> {
  const asked = await askedFor(parts, session, name, args, waiting);
  if ("error" in asked) return { kind: "waits", error: asked.error };
  const { hash, text } = asked;
  const until = parts.nowMs() + parts.approvalWaitMs;
  for (;;) {
    const kept = await keptApproval(parts, session.tenant, hash);
    if (kept === undefined) return gone(waiting, "the request is not there any more");
    if (kept.approval.status !== "PENDING") return settle(parts, kept, waiting);
    if (!isWaiting(kept.approval, parts.nowMs())) return gone(waiting, "nobody decided in time");
    if (signal.aborted || parts.nowMs() >= until) break;
    await pause(lookEveryMs, signal);
  }
  return { kind: "waits", error: approvalWanted(session, name, text, parts.approvalWaitMs) };
}

interface Asked {
  readonly hash: string;
  readonly text: string | undefined;
}

async function askedFor(
  parts: GateParts,
  { tenant, id, user }: CallSession,
  { tool, callId }: CallName,
  args: JsonObject,
  { key, calls, known, seq }: Waiting,
): Promise<Asked | { readonly error: ProxyError }> {
  if (known?.token !== undefined) return known.token;
  const requester = user === "" ? undefined : user;
  const request = { tenant, session: id, tool, args, requester };
  const asked = await askApproval(parts, request, { call_id: callId });
  if (!asked.ok) return { error: notRecorded(tool, asked.error.message) };
  const { token, approval } = asked.value;
  const mine = { hash: approval.token_hash, text: token };
  calls.keep(key, { callId, seq, token: mine });
  parts.say(`${JSON.stringify(tool)} waits for a person: ${howTo(tenant, token)}`);
  return mine;
}

async function settle(
  parts: GateParts,
  kept: KeptApproval,
  { key, calls }: Waiting,
): Promise<Answer> {
  const { approval } = kept;
  calls.open.delete(key);
  if (approval.status === "DENIED") {
    const said = approval.message === undefined ? "" : `: ${JSON.stringify(approval.message)}`;
    const why = `${approval.decided_by ?? "a person"} said no${said}`;
    return denied("APPROVAL_DENIED", why, "ask the person who decided");
  }
  if (!isUsable(approval, parts.nowMs()) || !(await useApproval(parts, kept))) {
    return denied("APPROVAL_USED", "the approval is used up or too old", "call the tool again");
  }
  const { final_args = approval.orig_args, orig_args, token_hash: tokenHash } = approval;
  const isSame = canonicalJson(final_args) === canonicalJson(orig_args);
  return { kind: "approved", tokenHash, editedArgs: isSame ? undefined : final_args };
}

function gone({ key, calls }: Waiting, why: string): Answer {
  calls.open.delete(key);
  return denied("APPROVAL_EXPIRED", why, "call the tool again in another session");
}

function denied(reason: string, why: string, change: string): Answer {
  return { kind: "denied", reason, advice: { why, change } };
}

function approvalWanted(
  { tenant }: CallSession,
  { tool, callId }: CallName,
  token: string | undefined,
  waitedMs: number,
): ProxyError {
  const how = token === undefined ? "decide about the request" : howTo(tenant, token);
  const seconds = Math.round(waitedMs / 1000);
  return {
    code: rpcCodes.approval,
    message: `approval required: nobody decided within ${seconds} s; ${how}, then call ${JSON.stringify(tool)} again with the same arguments`,
    data: {
      ...(token === undefined ? {} : { approval_token: token }),
      tool,
      call_id: callId,
      reason: "APPROVAL_REQUIRED",
    },
  };
}

function howTo(tenant: string, token: string): string {
  return `aegis approve ${token} --tenant ${tenant} --allow`;
}
