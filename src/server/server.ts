// The control plane over HTTP: routes over one ledger. Everything that fails on the way is an
// answer with a stable code, and never an allowance.

import { hostNames } from "../app/callers.ts";
import { createLiveStates } from "../app/live-states.ts";
import { createRateLimiter } from "../app/rate-limit.ts";
import type { DecideInput, ToolDecision } from "../control/decide/decision.ts";
import { noTelemetry, type Telemetry } from "../control/telemetry/span.ts";
import type { ControlLog } from "../ledger/control-contract.ts";
import type { JsonValue } from "../model/event.ts";
import { health, ready } from "./api/service.ts";
import { approvalRoutes } from "./approvals.ts";
import type { ApiKey } from "./auth.ts";
import { decideRoute } from "./decide.ts";
import { answer } from "./dispatch.ts";
import { documentRoutes } from "./documents.ts";
import { eventRoutes } from "./events.ts";
import { Refusal, type Route, reply, replyRefusal, route } from "./http.ts";
import { manifestRoutes } from "./manifests.ts";
import { replayRoutes } from "./replay.ts";
import { createRouter } from "./router.ts";
import { sessionTokenRoute } from "./session-token.ts";
import { sessionRoutes } from "./sessions.ts";
import { createStepRecorder, type StepRecorder } from "./steps.ts";
import { tailRoute } from "./tail.ts";
import { traced } from "./traced.ts";

export interface ServerOptions {
  readonly log: ControlLog;
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  readonly decide: (input: DecideInput) => ToolDecision;
  readonly manifest: JsonValue;
  /** None: only on loopback, and then everybody may everything. */
  readonly keys: readonly ApiKey[];
  /** Signs tokens, of approvals and of sessions. */
  readonly secret: Uint8Array;
  /** Of the ledger behind `log`. */
  readonly origin: string;
  readonly nowMs: () => number;
  /** Calls of one tool by one tenant in a minute; 0: no limit. */
  readonly rateLimit: number;
  readonly tls: ServerTls | undefined;
  readonly onAnswered?: (request: AnsweredRequest) => void;
  /** Ended by `stop`. */
  readonly telemetry?: Telemetry;
}

/** PEM texts. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Callers have to show a certificate that one of these vouches for. */
  readonly ca: string | undefined;
}

export interface AnsweredRequest {
  readonly method: string;
  /** As the routes are written, because a path may hold a token; `-` for an unknown one. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

export interface RunningServer {
  readonly hostname: string;
  readonly port: number;
  /** Ends streams, answers what is under way, ten seconds at most, then closes. */
  stop(): Promise<void>;
}

const idleTimeoutSeconds = 120;
const stopMaxMs = 10_000;

export function startServer(options: ServerOptions): RunningServer {
  const { hostname, keys, nowMs, telemetry = noTelemetry } = options;
  const steps = createStepRecorder(options.log);
  const stopping = new AbortController();
  const router = createRouter(traced(telemetry, routesOf(options, steps, stopping.signal)));
  let hosts: ReadonlySet<string> | undefined;
  const server: Bun.Server<undefined> = Bun.serve({
    hostname,
    port: options.port,
    // Bodies are bounded where they are read, so that whoever sends one is told.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: idleTimeoutSeconds,
    ...(options.tls === undefined ? {} : { tls: tlsOptions(options.tls) }),
    fetch: async (request) => {
      const started = nowMs();
      hosts ??= hostNames(hostname, server.port ?? 0);
      const { response, path } = await answer(request, router, keys, hosts);
      const [method, durationMs] = [request.method, nowMs() - started];
      options.onAnswered?.({ method, route: path, status: response.status, durationMs });
      return response;
    },
    error: () => replyRefusal(new Refusal("internal", "the request could not be answered")),
  });
  return {
    hostname,
    port: server.port ?? 0,
    stop: async () => {
      stopping.abort();
      const timer = setTimeout(() => void server.stop(true), stopMaxMs);
      await server.stop();
      clearTimeout(timer);
      await steps.stop();
      await telemetry.stop();
    },
  };
}

/** A handler for each operation that is declared (api/operation.ts says how to add one). */
function routesOf(
  options: ServerOptions,
  steps: StepRecorder,
  stopping: AbortSignal,
): readonly Route[] {
  const { log, nowMs, rateLimit, secret, keys } = options;
  const states = createLiveStates(log);
  const limiter = () => createRateLimiter(rateLimit, nowMs);
  return [
    ...eventRoutes(log, nowMs, limiter()),
    tailRoute(log, stopping),
    ...sessionRoutes(log, states),
    ...replayRoutes({ ...options, steps }),
    sessionTokenRoute(options),
    decideRoute({ ...options, states, limiter: limiter() }),
    ...manifestRoutes(options.manifest),
    ...approvalRoutes({ log, secret, nowMs }),
    route(health, () => reply(200, { status: "ok" })),
    route(ready, () => readiness(log)),
    ...documentRoutes(keys.length > 0),
  ];
}

function tlsOptions({ cert, key, ca }: ServerTls): Bun.TLSOptions {
  if (ca === undefined) return { cert, key };
  return { cert, key, ca, requestCert: true, rejectUnauthorized: true };
}

async function readiness(log: ControlLog): Promise<Response> {
  try {
    await log.size();
    return reply(200, { status: "ok" });
  } catch {
    return reply(503, { status: "not ready", error: "db unreachable" });
  }
}
