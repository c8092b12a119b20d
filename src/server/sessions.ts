// GET /v1/sessions and below: what sessions there are, what they add up to, and whether they are
// what was recorded.

import { policyView, stateHash, stateJson } from "../control/state/view.ts";
import type { ControlLog } from "../ledger/control-contract.ts";
import { legacyType } from "./events.ts";
import { type Call, countQuery, Refusal, type Route, reply, requiredQuery } from "./http.ts";
import type { LiveStates } from "./live.ts";

export function sessionRoutes(log: ControlLog, states: LiveStates): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/v1/sessions",
      async handle({ query }) {
        const tenant = requiredQuery(query, "tenant_id");
        const limit = countQuery(query, "limit", { least: 1, most: 1000, otherwise: 100 });
        const found = await log.sessions(tenant, limit);
        const sessions = found.map(({ session, user, eventCount, firstTsUnixMs, closed }) => ({
          session_id: session,
          user_id: user,
          event_count: eventCount,
          first_ts_unix_ms: firstTsUnixMs,
          closed,
        }));
        return reply(200, { sessions });
      },
    },
    {
      method: "GET",
      path: "/v1/sessions/{id}/snapshot",
      async handle(call) {
        const { tenant, session } = named(call);
        if ((await log.session(tenant, session)) === undefined) {
          throw new Refusal(404, "session_not_found", "not found");
        }
        const state = await states.current(tenant, session);
        const hash = stateHash(state);
        if ((call.headers.get("Accept") ?? "").includes(legacyType)) {
          const text = new TextEncoder().encode(JSON.stringify(stateJson(state)));
          const body = {
            TenantID: tenant,
            SessionID: session,
            LastSeq: state.last_seq,
            TsUnixMs: state.last_ts_unix_ms,
            StateJSON: text.toBase64(),
            SnapshotHash: Uint8Array.fromHex(hash).toBase64(),
          };
          return reply(200, body, { "Content-Type": legacyType });
        }
        const place = { tenant_id: tenant, session_id: session, last_seq: state.last_seq };
        const more = { state: stateJson(state), snapshot_hash: hash };
        return reply(200, { ...policyView(state), ...place, ...more });
      },
    },
    {
      method: "GET",
      path: "/v1/sessions/{id}/verify",
      async handle(call) {
        const { tenant, session } = named(call);
        const { valid, firstBadSeq, error } = await log.verify(tenant, session);
        return reply(200, { valid, first_bad_seq: firstBadSeq, error });
      },
    },
  ];
}

function named({ params, query }: Call): { readonly tenant: string; readonly session: string } {
  return { tenant: requiredQuery(query, "tenant_id"), session: params.id ?? "" };
}
