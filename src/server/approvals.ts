// /v1/approvals: tool calls that wait for a person. Whoever holds a token may look at its request;
// deciding it needs an approver's key, which an agent does not have.

import {
  type ApprovalStore,
  approvalOfAnyTenant,
  approvalPages,
  argumentsFlaw,
  askApproval,
  type KeptApproval,
  keptApproval,
  recordApproval,
} from "../app/serve/approval-requests.ts";
import { eventPageMaxBytes } from "../base/limits.ts";
import type { SpelledJson } from "../base/spelled-json.ts";
import {
  type Approval,
  type Approver,
  decideApproval,
  hashToken,
  isWaiting,
  shownApproval,
} from "../control/approvals/router.ts";
import type { TelemetrySpan } from "../control/telemetry/span.ts";
import { tenantPrefix } from "../ledger/control/foreign.ts";
import type { JsonObject } from "../model/event.ts";
import { isObject, memberOf } from "../model/json-object.ts";
import * as api from "./api/approvals.ts";
import { type Caller, peerRecord } from "./auth.ts";
import { refusalOf } from "./events.ts";
import { type Call, Refusal, type Route, refuseInexact, reply, route } from "./http.ts";
import { describeOn } from "./traced.ts";

export function approvalRoutes(parts: ApprovalStore): readonly Route[] {
  return [
    route(api.askApproval, (call) => ask(parts, call)),
    route(api.listApprovals, (call) => list(parts, call)),
    route(api.getApproval, ({ params, query, caller }) =>
      look(parts, { token: params.token, tenant: query.tenant_id || caller.tenant }),
    ),
    route(api.decideApproval, (call) => decide(parts, call)),
  ];
}

async function ask(
  parts: ApprovalStore,
  { body, caller, span, json }: Call<typeof api.askApproval>,
): Promise<Response> {
  refuseInexact(json());
  const request = {
    tenant: body.tenant_id,
    session: body.session_id,
    tool: body.tool_name,
    args: objectIn(json(), "args") ?? {},
    requester: caller.isKnown ? caller.name : undefined,
  };
  const onAsked: ApprovalStore["onAsked"] = (one) => parts.onAsked?.(one, span?.traceparent());
  const asked = await askApproval({ ...parts, onAsked }, request, peerRecord(caller.peer));
  if (!asked.ok) throw refusalOf(asked.error);
  const { token, approval } = asked.value;
  spoken(span, approval, "APPROVAL_REQUESTED");
  return reply(201, { token, ...shown(approval, parts.nowMs()) });
}

async function list(
  { log, nowMs, secret }: ApprovalStore,
  { query }: Call<typeof api.listApprovals>,
): Promise<Response> {
  const now = nowMs();
  const waiting: Approval[] = [];
  let length = 0;
  const answer = (NextToken: string) =>
    reply(200, { approvals: waiting.map((approval) => shown(approval, now)), NextToken });
  const [prefix, after] = [tenantPrefix(query.tenant_id), query.page_token || undefined];
  for await (const page of approvalPages({ log, secret }, prefix, after)) {
    for (const { approval, json } of page) {
      if (!isWaiting(approval, now)) continue;
      // Only now: a page that nothing waits behind is the last one.
      if (waiting.length >= query.limit || length > eventPageMaxBytes) {
        return answer(waiting.at(-1)?.token_hash ?? "");
      }
      waiting.push(approval);
      length += json.length;
    }
  }
  return answer("");
}

/** Undefined: the token alone. */
interface Wanted {
  readonly token: string;
  readonly tenant: string | undefined;
}

async function look(parts: ApprovalStore, wanted: Wanted): Promise<Response> {
  const found = await find(parts, wanted);
  if (found === undefined) throw new Refusal("approval_not_found", "approval: token not found");
  return reply(200, shown(found.approval, parts.nowMs()));
}

async function decide(
  parts: ApprovalStore,
  { params, query, body, caller, span, json }: Call<typeof api.decideApproval>,
): Promise<Response> {
  refuseInexact(json());
  const { nowMs, approvalRules } = parts;
  const { allow } = body;
  const decision = {
    allow,
    message: body.message ?? undefined,
    edited_args: objectIn(json(), "edited_args"),
  };
  const flaw = argumentsFlaw(decision.edited_args ?? {});
  if (flaw !== undefined) throw new Refusal("event_invalid", flaw);
  const tenant = query.tenant_id || caller.tenant;
  const found = await find(parts, { token: params.token, tenant });
  const approver = approverOf(caller, body.approver ?? undefined);
  const decided = decideApproval(found?.approval, decision, approver, nowMs(), approvalRules);
  if (!decided.ok) throw new Refusal(decided.error.code, decided.error.message);
  const { approval, patch } = decided.value;
  const diff = patch?.diff.map((change) => ({ ...change }));
  const event = {
    tool_name: approval.tool_name,
    approval_token_hash: approval.token_hash,
    approved: allow,
    decided_by: approver.name,
    ...peerRecord(caller.peer),
    ...(approval.message === undefined ? {} : { message: approval.message }),
    ...(patch === undefined ? {} : { edited_args: patch.new_args, diff: diff ?? [] }),
  };
  // Only one decision replaces the very record it was made about.
  const about = { type: "APPROVAL_DECIDED", event };
  const refused = await recordApproval(parts, approval, about, found?.json);
  if (refused?.code === "record_changed") {
    throw new Refusal("approval_decided", "approval: already decided");
  }
  if (refused !== undefined) throw refusalOf(refused);
  spoken(span, approval, "APPROVAL_DECIDED");
  return reply(200, { ...shown(approval, nowMs()), ...(diff === undefined ? {} : { diff }) });
}

/** Without its arguments and its message: they are in the ledger. */
function spoken(
  span: TelemetrySpan | undefined,
  { tenant_id, session_id, tool_name }: Approval,
  type: string,
): void {
  const payload = new Map([["tool_name", tool_name]]);
  describeOn(span, { tenant: tenant_id, session: session_id, type, payload });
}

/** A key or the kernel says who decides; without them the caller says it. */
function approverOf({ name, role, isKnown }: Caller, claimed: string | undefined): Approver {
  return { name: isKnown ? name : (claimed ?? name), isAgent: role === "agent", isKnown };
}

/** Of a token; longer than tokens are. */
const tokenHash = /^[0-9a-f]{64}$/;

/**
 * By the tenant that is named, or the key's own, or the token alone: nobody guesses one. Whoever
 * may see the list has the hash, which is as good: an agent that has it may not decide either.
 */
function find(store: ApprovalStore, { token, tenant }: Wanted): Promise<KeptApproval | undefined> {
  const hash = tokenHash.test(token) ? token : hashToken(token);
  if (tenant !== undefined) return keptApproval(store, tenant, hash);
  return approvalOfAnyTenant(store, hash);
}

function shown(approval: Approval, nowMs: number): JsonObject {
  const { diff, ...members } = shownApproval(approval, nowMs);
  if (diff === undefined) return { ...members };
  return { ...members, diff: diff.map((change) => ({ ...change })) };
}

/**
 * As it was sent: what the schema makes of an object lacks a member `__proto__`.
 * @returns undefined where there is none; that it is an object the schema says
 */
function objectIn(body: SpelledJson, name: string): JsonObject | undefined {
  const found = memberOf(body.plain(), name);
  return isObject(found) ? found : undefined;
}
