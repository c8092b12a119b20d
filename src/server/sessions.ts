// GET /v1/sessions and below: what sessions there are, what they add up to, and whether they are
// what was recorded.

import type { LiveStates } from "../app/live-states.ts";
import { policyView, stateHash, stateJson } from "../control/state/view.ts";
import type { ControlLog } from "../ledger/control-contract.ts";
import { getSnapshot, listSessions, verifySession } from "./api/sessions.ts";
import { Refusal, type Route, reply, replyLegacy, route, wantsLegacy } from "./http.ts";

export function sessionRoutes(log: ControlLog, states: LiveStates): readonly Route[] {
  return [
    route(listSessions, async ({ query }) => {
      const found = await log.sessions(query.tenant_id, query.limit);
      const sessions = found.map(({ session, user, eventCount, firstTsUnixMs, closed }) => ({
        session_id: session,
        user_id: user,
        event_count: eventCount,
        first_ts_unix_ms: firstTsUnixMs,
        closed,
      }));
      return reply(200, { sessions });
    }),
    route(getSnapshot, async ({ params, query, headers }) => {
      const [tenant, session] = [query.tenant_id, params.id];
      if ((await log.session(tenant, session)) === undefined) {
        throw new Refusal("session_not_found", "not found");
      }
      const state = await states.current(tenant, session);
      const hash = stateHash(state);
      if (wantsLegacy(headers)) {
        const text = new TextEncoder().encode(JSON.stringify(stateJson(state)));
        return replyLegacy({
          TenantID: tenant,
          SessionID: session,
          LastSeq: state.last_seq,
          TsUnixMs: state.last_ts_unix_ms,
          StateJSON: text.toBase64(),
          SnapshotHash: Uint8Array.fromHex(hash).toBase64(),
        });
      }
      const place = { tenant_id: tenant, session_id: session, last_seq: state.last_seq };
      const more = { state: stateJson(state), snapshot_hash: hash };
      return reply(200, { ...policyView(state), ...place, ...more });
    }),
    route(verifySession, async ({ params, query, headers }) => {
      const { valid, firstBadSeq, error } = await log.verify(query.tenant_id, params.id);
      const verdict = { valid, first_bad_seq: firstBadSeq, error };
      if (!wantsLegacy(headers)) return reply(200, verdict);
      return replyLegacy(valid ? { valid } : verdict);
    }),
  ];
}
