// The proxy over a ledger, a manifest and a policy that were opened for it.

import { createLiveStates } from "../app/live-states.ts";
import { createRateLimiter } from "../app/rate-limit.ts";
import { listenAddress, type ServeParts } from "../app/serve.ts";
import { budgetsOf } from "../control/state/budgets.ts";
import { createGate, type Gate } from "./gate.ts";
import { type RunningMcpServer, startMcpServer } from "./http-server.ts";
import type { CallSession } from "./record.ts";
import { upstreamAddress } from "./upstream.ts";

export interface GateWishes {
  readonly approvalWaitMs: number;
  /** Tells the person who runs the proxy. */
  readonly say: (line: string) => void;
}

export interface HttpWishes extends GateWishes {
  /** Where to listen. */
  readonly address: string;
  /** The server's address. */
  readonly upstream: string;
  /** What the server is shown. */
  readonly token: string | undefined;
  readonly session: CallSession | undefined;
}

export function prepareGate(parts: ServeParts, wishes: GateWishes): Gate {
  return createGate({
    ...parts,
    states: createLiveStates(parts.log, budgetsOf(parts.manifest)),
    limiter: createRateLimiter(parts.rateLimit, parts.nowMs),
    onAsked: parts.webhook?.send,
    ...wishes,
  });
}

/** @throws {AegisError} for addresses that cannot be used */
export function serveMcp(parts: ServeParts, wishes: HttpWishes): RunningMcpServer {
  const { log, nowMs, keys, tls } = parts;
  const { say, token, session } = wishes;
  return startMcpServer({
    ...{ log, nowMs, keys, tls, say, token, session },
    ...listenAddress(wishes.address, keys),
    gate: prepareGate(parts, wishes),
    upstream: upstreamAddress(wishes.upstream),
  });
}
