// /v1/approvals: tool calls that wait for a person. Whoever holds a token may look at its request;
// deciding it needs an approver's key, which an agent does not have.

import { randomSecret } from "../base/ids.ts";
import { parseJsonText } from "../base/json-text.ts";
import {
  type Approval,
  decideApproval,
  hashToken,
  isWaiting,
  requestApproval,
} from "../control/approvals/router.ts";
import type { ControlLog } from "../ledger/control-contract.ts";
import { tenantPrefix } from "../ledger/foreign.ts";
import type { JsonObject, JsonValue } from "../model/event.ts";
import type { Caller } from "./auth.ts";
import {
  type Call,
  countQuery,
  membersOf,
  plainValue,
  Refusal,
  type Route,
  reply,
  requiredQuery,
  textMember,
} from "./http.ts";
import { describeOn } from "./traced.ts";

export interface ApprovalParts {
  readonly log: ControlLog;
  readonly secret: Uint8Array;
  readonly nowMs: () => number;
  readonly callerOf: (call: Call) => Caller;
}

const kind = "approval";
/** Looked through for a token whose tenant nobody named. */
const approvalsMax = 100_000;

export function approvalRoutes(parts: ApprovalParts): readonly Route[] {
  return [
    { method: "POST", path: "/v1/approvals", handle: (call) => ask(parts, call) },
    { method: "GET", path: "/v1/approvals", handle: (call) => list(parts, call) },
    { method: "GET", path: "/v1/approvals/{token}", handle: (call) => look(parts, call) },
    { method: "POST", path: "/v1/approvals/{token}", handle: (call) => decide(parts, call) },
  ];
}

async function ask({ log, secret, nowMs }: ApprovalParts, call: Call): Promise<Response> {
  const members = membersOf(await call.json());
  const [tenant, session, tool] = ["tenant_id", "session_id", "tool_name"].map((name) => {
    const value = textMember(members, name);
    if (value !== undefined && value !== "") return value;
    throw new Refusal(400, "member_missing", `${name} is required`);
  });
  const args = members.get("args");
  const request = {
    tenant: tenant ?? "",
    session: session ?? "",
    tool: tool ?? "",
    args: args === undefined || args === null ? {} : objectOf(plainValue(args), "args"),
  };
  const { token, approval } = requestApproval(
    request,
    { secret, nonce: () => randomSecret(8) },
    nowMs(),
  );
  const event = {
    tool_name: request.tool,
    approval_token_hash: approval.token_hash,
    expires_unix_ms: approval.expires_ms,
  };
  await record(log, approval, "APPROVAL_REQUESTED", event, nowMs());
  const key = keyOf(approval);
  if (!(await log.putRecord({ kind, key, json: JSON.stringify(approval) }, undefined))) {
    throw new Refusal(503, "ledger_unavailable", "the request could not be stored");
  }
  spoken(call, approval, "APPROVAL_REQUESTED");
  return reply(201, { token, ...shown(approval) });
}

async function list({ log, nowMs }: ApprovalParts, { query }: Call): Promise<Response> {
  const tenant = requiredQuery(query, "tenant_id");
  const limit = countQuery(query, "limit", { least: 1, most: 1000, otherwise: 100 });
  const records = await log.records(kind, `${tenantPrefix(tenant)}`, 10_000);
  const waiting = records
    .map(({ json }) => JSON.parse(json) as Approval)
    .filter((approval) => isWaiting(approval, nowMs()));
  return reply(200, { approvals: waiting.slice(0, limit).map(shown) });
}

async function look(parts: ApprovalParts, call: Call): Promise<Response> {
  const found = await find(parts, call);
  if (found === undefined)
    throw new Refusal(404, "approval_not_found", "approval: token not found");
  return reply(200, shown(found.approval));
}

async function decide(parts: ApprovalParts, call: Call): Promise<Response> {
  const { log, nowMs } = parts;
  const members = membersOf(await call.json());
  const allow = members.get("allow");
  if (typeof allow !== "boolean") throw new Refusal(400, "type_invalid", "allow must be a boolean");
  const edited = members.get("edited_args");
  const decision = {
    allow,
    message: textMember(members, "message"),
    edited_args:
      edited === undefined || edited === null
        ? undefined
        : objectOf(plainValue(edited), "edited_args"),
  };
  const found = await find(parts, call);
  const { name, role } = parts.callerOf(call);
  const approver = { name: textMember(members, "approver") ?? name, isAgent: role === "agent" };
  const decided = decideApproval(found?.approval, decision, approver, nowMs());
  if (!decided.ok)
    throw new Refusal(statuses[decided.error.code], decided.error.code, decided.error.message);
  const { approval, patch } = decided.value;
  const next = { kind, key: keyOf(approval), json: JSON.stringify(approval) };
  // Only one decision replaces the very record it was made about.
  if (!(await log.putRecord(next, found?.json))) {
    throw new Refusal(409, "approval_decided", "approval: already decided");
  }
  const event = {
    tool_name: approval.tool_name,
    approval_token_hash: approval.token_hash,
    approved: allow,
    decided_by: approver.name,
    ...(patch === undefined ? {} : { edited_args: patch.new_args, diff: patch.diff.map(plain) }),
  };
  await record(log, approval, "APPROVAL_DECIDED", event, nowMs());
  spoken(call, approval, "APPROVAL_DECIDED");
  return reply(200, {
    ...shown(approval),
    ...(patch === undefined ? {} : { diff: patch.diff.map(plain) }),
  });
}

/** Without its arguments and its message: they are in the ledger. */
function spoken(call: Call, { tenant_id, session_id, tool_name }: Approval, type: string): void {
  const payload = new Map([["tool_name", tool_name]]);
  describeOn(call.span, { tenant: tenant_id, session: session_id, type, payload });
}

const statuses = {
  approval_not_found: 404,
  approval_decided: 409,
  approval_expired: 410,
  approval_own_request: 403,
} as const;

/** By the tenant that is named, or the key's own, or the token alone: nobody guesses one. */
async function find(
  { log, callerOf }: ApprovalParts,
  call: Call,
): Promise<{ readonly approval: Approval; readonly json: string } | undefined> {
  const tenant = call.query.get("tenant_id") || callerOf(call).tenant;
  const hash = hashToken(call.params.token ?? "");
  const record =
    tenant === undefined
      ? (await log.records(kind, "", approvalsMax)).find(({ key }) => key.endsWith(hash))
      : await log.record(kind, `${tenantPrefix(tenant)}${hash}`);
  if (record === undefined) return undefined;
  return { approval: JSON.parse(record.json) as Approval, json: record.json };
}

function keyOf({ tenant_id, token_hash }: Approval): string {
  return `${tenantPrefix(tenant_id)}${token_hash}`;
}

async function record(
  log: ControlLog,
  { tenant_id, session_id }: Approval,
  type: string,
  event: JsonObject,
  nowMs: number,
): Promise<void> {
  const payload = parseJsonText(JSON.stringify(event));
  const request = { tenant: tenant_id, session: session_id, user: "", type, payload };
  const [outcome] = await log.append([{ ...request, tsUnixMs: nowMs }]);
  if (outcome?.kind === "stored") return;
  const why = outcome?.kind === "refused" ? outcome.message : "no answer";
  throw new Refusal(400, "event_invalid", why);
}

function shown(approval: Approval): JsonObject {
  return { ...approval };
}

function plain(change: object): JsonObject {
  return { ...change };
}

function objectOf(value: JsonValue, name: string): JsonObject {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isObject) return value as JsonObject;
  throw new Refusal(400, "type_invalid", `${name} must be an object`);
}
