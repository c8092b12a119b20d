// What people decided, as the events say it, held against the records of what they were asked. A
// seal shows that a record is the server's own, and not that it is the latest one: an older text of
// it, put back by whoever writes to the database, would be decided about again. Pure.

import type { SealedEvent } from "../../model/event.ts";
import { memberOf } from "../../model/json-object.ts";
import { tenantPrefix } from "./foreign.ts";

/** Whether it was allowed, by the key of its record. Of clients only admins record decisions. */
export type DecidedApprovals = Map<string, boolean>;

export function noteDecision(
  decided: DecidedApprovals,
  { event_type, tenant_id, payload }: SealedEvent,
): void {
  const { approval_token_hash: hash, approved } = payload;
  if (event_type !== "APPROVAL_DECIDED" || typeof hash !== "string") return;
  if (typeof approved === "boolean") decided.set(approvalKey(tenant_id, hash), approved);
}

export function approvalKey(tenant: string, tokenHash: string): string {
  return `${tenantPrefix(tenant)}${tokenHash}`;
}

/**
 * @param json of the record; one that cannot be read says nothing here
 * @returns undefined: it says what was decided, as far as anything is known of that
 */
export function decisionProblem(
  decided: DecidedApprovals,
  key: string,
  json: string,
): string | undefined {
  const isAllowed = decided.get(key);
  const status = isAllowed === undefined ? undefined : statusIn(json);
  if (status === undefined || status === (isAllowed ? "ALLOWED" : "DENIED")) return undefined;
  const event = isAllowed ? "allowed" : "denied";
  return `is an older one: it says ${status}, and its event that the call was ${event}`;
}

function statusIn(json: string): string | undefined {
  try {
    const status = memberOf(JSON.parse(json), "status");
    return typeof status === "string" ? status : undefined;
  } catch {
    // ignored: what is no JSON is told of elsewhere
    return undefined;
  }
}
