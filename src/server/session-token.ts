// POST /v1/sessions/{id}/token: a token with which a box may record into that session. Whoever may
// record into it may ask for one.

import {
  mintSessionToken,
  sessionTokenTtlMsDefault,
  sessionTokenTtlMsMax,
} from "../control/session-token.ts";
import { localTenant } from "../ledger/foreign.ts";
import {
  type Call,
  membersOf,
  plainValue,
  Refusal,
  type Route,
  reply,
  textMember,
} from "./http.ts";

export interface SessionTokenParts {
  readonly secret: Uint8Array;
  /** Of the ledger that the server writes. */
  readonly origin: string;
  readonly nowMs: () => number;
}

export function sessionTokenRoute({ secret, origin, nowMs }: SessionTokenParts): Route {
  return {
    method: "POST",
    path: "/v1/sessions/{id}/token",
    async handle(call: Call) {
      const members = membersOf(await call.json());
      const tenant = textMember(members, "tenant_id") ?? "";
      const session = call.params.id ?? "";
      if (tenant === "") throw new Refusal(400, "member_missing", "tenant_id is required");
      if (tenant === localTenant) {
        throw new Refusal(403, "tenant_reserved", `the tenant "${tenant}" is this machine's own`);
      }
      const isSound = [tenant, session].every((name) => name.isWellFormed() && name.length <= 512);
      if (!isSound) throw new Refusal(400, "event_invalid", "the session's name is not valid");
      const wanted = members.get("ttl_ms");
      const ttlMs = wanted === undefined ? sessionTokenTtlMsDefault : plainValue(wanted);
      const isCount = typeof ttlMs === "number" && Number.isSafeInteger(ttlMs);
      if (!isCount || ttlMs < 1 || ttlMs > sessionTokenTtlMsMax) {
        const most = sessionTokenTtlMsMax;
        throw new Refusal(400, "parameter_invalid", `ttl_ms must be a number from 1 to ${most}`);
      }
      const expiresUnixMs = nowMs() + ttlMs;
      const token = mintSessionToken({ tenant, session, origin, expiresUnixMs }, secret);
      return reply(
        201,
        { token, tenant_id: tenant, session_id: session, expires_unix_ms: expiresUnixMs },
        { "Cache-Control": "no-store" },
      );
    },
  };
}
