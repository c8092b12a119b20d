// The proxy over a ledger, a manifest and a policy that were opened for it.

import { createLiveStates } from "../app/serve/live-states.ts";
import { createRateLimiter } from "../app/serve/rate-limit.ts";
import { listenAddress, type ServeParts } from "../app/serve/serve.ts";
import { createGate, type Gate } from "./gate.ts";
import { createSessionHandles } from "./http/handles.ts";
import { type RunningMcpServer, startMcpServer } from "./http/http-server.ts";
import { createProcessPool } from "./http/process-pool.ts";
import { httpUpstream, upstreamAddress } from "./http/upstream.ts";
import { passedMethods } from "./methods.ts";
import type { CallSession } from "./record.ts";
import type { ServerCommand } from "./server-process.ts";
import { type EndedCall, watchedGate } from "./watched.ts";

export interface GateWishes {
  readonly approvalWaitMs: number;
  /** Requests that are no tool calls and that the manifest does not name are denied. */
  readonly isStrict: boolean;
  /** Of requests that MCP does not have, and that pass all the same. */
  readonly passedMethods: readonly string[];
  /** Tells the person who runs the proxy. */
  readonly say: (line: string) => void;
  /** Counts what was decided about. */
  readonly onEnded?: (ended: EndedCall) => void;
}

export interface HttpWishes extends GateWishes {
  /** Where to listen. */
  readonly address: string;
  readonly server: HttpServer | CommandServer;
  readonly session: CallSession | undefined;
}

/** One that runs. */
interface HttpServer {
  readonly kind: "address";
  readonly url: string;
  /** What it is shown. */
  readonly token: string | undefined;
}

/** One that is started, as often as clients need it. */
interface CommandServer extends ServerCommand {
  readonly kind: "command";
  readonly processesMax: number;
}

export function prepareGate(parts: ServeParts, wishes: GateWishes): Gate {
  const passed = passedMethods(wishes.passedMethods);
  const gate = createGate({
    ...parts,
    states: createLiveStates(parts.log),
    limiter: createRateLimiter(parts.rateLimit, parts.nowMs),
    onAsked: parts.webhook?.send,
    ...{ ...wishes, passedMethods: passed },
  });
  const { telemetry, monotonicMs } = parts;
  return watchedGate(gate, { telemetry, monotonicMs, onEnded: wishes.onEnded });
}

/** @throws {AegisError} for addresses that cannot be used */
export function serveMcp(parts: ServeParts, wishes: HttpWishes): RunningMcpServer {
  const { log, nowMs, keys, tls, hosts, secret } = parts;
  const { say, server, session } = wishes;
  const front = {
    ...{ log, nowMs, keys, tls, hosts, say, session },
    ...listenAddress(wishes.address, keys),
    gate: prepareGate(parts, wishes),
    handles: createSessionHandles(secret),
  };
  if (server.kind === "address") {
    return startMcpServer({
      ...front,
      ...httpUpstream(upstreamAddress(server.url), server.token),
    });
  }
  const pool = createProcessPool({ ...server, say });
  const running = startMcpServer({ ...front, ...pool });
  return {
    ...running,
    async stop() {
      await running.stop();
      await pool.stop();
    },
  };
}
