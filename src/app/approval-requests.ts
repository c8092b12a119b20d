// Tool calls that wait for a person, as they are kept beside the events of a ledger: asked for by
// the HTTP API and by the MCP proxy alike, and decided by whoever comes first.

import { randomSecret } from "../base/ids.ts";
import { parseJsonText } from "../base/json-text.ts";
import { err, ok, type Result } from "../base/result.ts";
import {
  type Approval,
  type ApprovalRequest,
  requestApproval,
} from "../control/approvals/router.ts";
import type { AppendOutcome, ControlLog } from "../ledger/control-contract.ts";
import { tenantPrefix } from "../ledger/foreign.ts";
import type { JsonObject } from "../model/event.ts";

export interface ApprovalStore {
  readonly log: ControlLog;
  /** Signs tokens. */
  readonly secret: Uint8Array;
  readonly nowMs: () => number;
  /**
   * Told of each that was stored.
   * @param parent `traceparent` of what led to it
   */
  readonly onAsked?: ((asked: AskedApproval, parent?: string) => void) | undefined;
}

export interface AskedApproval {
  readonly token: string;
  readonly approval: Approval;
}

export interface KeptApproval {
  readonly approval: Approval;
  /** The text of the record; what replaces it names it. */
  readonly json: string;
}

export const approvalKind = "approval";

/** Why a request cannot be kept: the log's own words about its event. */
export type RefusedAppend = AppendOutcome & { readonly kind: "refused" };

/** The token is known to nobody else and cannot be had again. */
export async function askApproval(
  { log, secret, nowMs, onAsked }: ApprovalStore,
  request: ApprovalRequest,
  about: JsonObject = {},
): Promise<Result<AskedApproval, RefusedAppend>> {
  const maker = { secret, nonce: () => randomSecret(8) };
  const { token, approval } = requestApproval(request, maker, nowMs());
  const event = {
    tool_name: request.tool,
    ...about,
    approval_token_hash: approval.token_hash,
    expires_unix_ms: approval.expires_ms,
  };
  const type = "APPROVAL_REQUESTED";
  const problem = await recordApproval({ log, nowMs }, approval, { type, event }, undefined);
  if (problem !== undefined) return err(problem);
  onAsked?.({ token, approval });
  return ok({ token, approval });
}

/**
 * Stores the approval and the event about it, both or neither.
 * @param expected the record that it replaces
 * @returns undefined: they are stored
 */
export async function recordApproval(
  { log, nowMs }: Pick<ApprovalStore, "log" | "nowMs">,
  approval: Approval,
  { type, event }: { readonly type: string; readonly event: JsonObject },
  expected: string | undefined,
): Promise<RefusedAppend | undefined> {
  const { tenant_id: tenant, session_id: session } = approval;
  const payload = parseJsonText(JSON.stringify(event));
  const record = { kind: approvalKind, key: approvalKey(approval), json: JSON.stringify(approval) };
  const request = { tenant, session, user: "", type, payload, change: { record, expected } };
  const [outcome] = await log.append([{ ...request, tsUnixMs: nowMs() }]);
  return outcome?.kind === "refused" ? outcome : undefined;
}

export async function keptApproval(
  log: ControlLog,
  tenant: string,
  tokenHash: string,
): Promise<KeptApproval | undefined> {
  const record = await log.record(approvalKind, `${tenantPrefix(tenant)}${tokenHash}`);
  return record === undefined
    ? undefined
    : { approval: readApproval(record.json), json: record.json };
}

/**
 * An allowed call may go on once, whoever asks and after however many restarts.
 * @returns false when another one took it first
 */
export function useApproval(
  { log, nowMs }: Pick<ApprovalStore, "log" | "nowMs">,
  { approval, json }: KeptApproval,
): Promise<boolean> {
  const used: Approval = { ...approval, used_ms: nowMs() };
  const record = { kind: approvalKind, key: approvalKey(used), json: JSON.stringify(used) };
  return log.putRecord(record, json);
}

export function approvalKey({ tenant_id, token_hash }: Approval): string {
  return `${tenantPrefix(tenant_id)}${token_hash}`;
}

/** Of a record that this program wrote. */
export function readApproval(json: string): Approval {
  return JSON.parse(json) as Approval;
}
