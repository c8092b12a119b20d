// GET /v1/sessions and below: what sessions there are, what they add up to, and whether they are
// what was recorded.

import type { LiveStates } from "../app/serve/live-states.ts";
import type { Budgets } from "../control/state/budgets.ts";
import { policyView, stateHash, stateJson } from "../control/state/view.ts";
import type { ControlLog, LoggedSession } from "../ledger/control/contract.ts";
import type { JsonObject } from "../model/event.ts";
import { getSession, getSnapshot, listSessions, verifySession } from "./api/sessions.ts";
import {
  type Call,
  Refusal,
  type Route,
  refusePurged,
  reply,
  replyLegacy,
  route,
  wantsLegacy,
} from "./http.ts";

/** @param limits of the manifest in force */
export function sessionRoutes(
  log: ControlLog,
  states: LiveStates,
  limits: Budgets,
): readonly Route[] {
  return [
    route(listSessions, (call) => list(log, call)),
    route(getSession, async ({ params, query, headers }) => {
      const { tenant_id: tenant } = query;
      const session = await log.session(tenant, params.id);
      refusePurged(session);
      const last = await log.event(tenant, params.id, (session?.eventCount ?? 0) - 1);
      if (session === undefined || last === undefined) throw unknownSession();
      const { seq, hash, tsUnixMs, type } = last;
      if (!wantsLegacy(headers)) {
        const head = { last_seq: seq, last_hash: hash };
        const more = { last_ts_unix_ms: tsUnixMs, last_event_type: type };
        return reply(200, { ...sessionJson(session), ...head, ...more });
      }
      const head = { LastSeq: seq, LastHash: Uint8Array.fromHex(hash).toBase64() };
      const more = { LastTsUnixMs: tsUnixMs, LastEventType: type };
      return replyLegacy({ ...legacySession(session), ...head, ...more });
    }),
    route(getSnapshot, async ({ params, query, headers }) => {
      const [tenant, session] = [query.tenant_id, params.id];
      const known = await log.session(tenant, session);
      if (known === undefined) throw unknownSession();
      refusePurged(known);
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
      return reply(200, { ...policyView(state, limits), ...place, ...more });
    }),
    route(verifySession, async ({ params, query, headers }) => {
      refusePurged(await log.session(query.tenant_id, params.id));
      const { valid, firstBadSeq, error } = await log.verify(query.tenant_id, params.id);
      const verdict = { valid, first_bad_seq: firstBadSeq, error };
      if (!wantsLegacy(headers)) return reply(200, verdict);
      return replyLegacy(valid ? { valid } : verdict);
    }),
  ];
}

async function list(
  log: ControlLog,
  { query, headers }: Call<typeof listSessions>,
): Promise<Response> {
  const { tenant_id: tenant, limit } = query;
  const before = query.page_token || undefined;
  if (before !== undefined && (await log.session(tenant, before)) === undefined) {
    throw new Refusal("session_not_found", "page_token: no page gave it");
  }
  const found = await log.sessions(tenant, limit + 1, before);
  const shown = found.slice(0, limit);
  const NextToken = found.length > limit ? (shown.at(-1)?.session ?? "") : "";
  if (!wantsLegacy(headers)) {
    return reply(200, { sessions: shown.map(sessionJson), NextToken });
  }
  const Sessions = shown.length === 0 ? null : shown.map(legacySession);
  return replyLegacy({ Sessions, NextToken });
}

function unknownSession(): Refusal {
  return new Refusal("session_not_found", "not found");
}

function sessionJson(session: LoggedSession): JsonObject {
  return {
    session_id: session.session,
    user_id: session.user,
    event_count: session.eventCount,
    first_ts_unix_ms: session.firstTsUnixMs,
    closed: session.closed,
    ...(session.purged ? { purged: true } : {}),
  };
}

function legacySession(session: LoggedSession): JsonObject {
  return {
    SessionID: session.session,
    UserID: session.user,
    EventCount: session.eventCount,
    FirstTsUnixMs: session.firstTsUnixMs,
    Closed: session.closed,
  };
}
