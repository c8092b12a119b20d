// What the log has to look up before it can say yes or no to requests: their sessions, the events
// that stand where they want to, what their idempotency keys were answered, and the records that
// they change. Pure.

import type { SessionId } from "../../base/ids.ts";
import type { AppendNeeds } from "../store.ts";
import type { AppendRequest } from "./contract.ts";
import { sessionKey, tenantPrefix } from "./foreign.ts";

export function needsOf(requests: readonly AppendRequest[]): AppendNeeds {
  const sessions = new Set<SessionId>();
  const events: { session: SessionId; seq: number }[] = [];
  const records: { kind: string; key: string }[] = [];
  for (const request of requests) {
    const session = sessionKey(request.tenant, request.session);
    const { seq } = request;
    sessions.add(session);
    if (seq !== undefined && isCount(seq)) events.push({ session, seq });
    if (request.idempotencyKey !== undefined) {
      records.push({ kind: "idempotency", key: idempotencyKey(request) });
    }
    if (request.change !== undefined) {
      const { kind, key } = request.change.record;
      records.push({ kind, key });
    }
  }
  return { sessions: [...sessions], events, records };
}

/** The key of the record, not what the client chose: each tenant has its own. */
export function idempotencyKey({ tenant, idempotencyKey = "" }: AppendRequest): string {
  return `${tenantPrefix(tenant)}${idempotencyKey}`;
}

export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
