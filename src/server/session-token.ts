// POST /v1/sessions/{id}/token: a token with which a box may record into that session. Whoever may
// record into it may ask for one.

import { mintSessionToken, sessionTokenTtlMsDefault } from "../control/session-token.ts";
import { localTenant } from "../ledger/control/foreign.ts";
import { mintToken } from "./api/sessions.ts";
import { Refusal, type Route, reply, route } from "./http.ts";

export interface SessionTokenParts {
  readonly secret: Uint8Array;
  /** Of the ledger that the server writes. */
  readonly origin: string;
  readonly nowMs: () => number;
}

export function sessionTokenRoute({ secret, origin, nowMs }: SessionTokenParts): Route {
  return route(mintToken, ({ params, body }) => {
    const [tenant, session] = [body.tenant_id, params.id];
    if (tenant === localTenant) {
      throw new Refusal("tenant_reserved", `the tenant "${tenant}" is this machine's own`);
    }
    const expiresUnixMs = nowMs() + (body.ttl_ms ?? sessionTokenTtlMsDefault);
    const token = mintSessionToken({ tenant, session, origin, expiresUnixMs }, secret);
    return reply(
      201,
      { token, tenant_id: tenant, session_id: session, expires_unix_ms: expiresUnixMs },
      { "Cache-Control": "no-store" },
    );
  });
}
