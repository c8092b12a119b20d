// The control plane over HTTP, on a port, a Unix socket or both: routes over one ledger. Everything
// that fails on the way is an answer with a stable code, and never an allowance.

import type { Webhook } from "../app/serve/approval-webhook.ts";
import { type Incoming, type Listener, openListener } from "../app/serve/listener.ts";
import { createLiveStates } from "../app/serve/live-states.ts";
import { type HostName, ownHosts } from "../app/serve/own-hosts.ts";
import { createRateLimiter } from "../app/serve/rate-limit.ts";
import type { ServedSocket } from "../app/serve/socket.ts";
import type { SocketListener } from "../app/serve/socket-listener.ts";
import type { TlsSource } from "../app/serve/tls.ts";
import { createTurns } from "../app/turns.ts";
import type { ApprovalRules } from "../control/approvals/router.ts";
import type { Decide } from "../control/decide/decision.ts";
import { budgetsOf } from "../control/state/budgets.ts";
import { noTelemetry, type Telemetry } from "../control/telemetry/span.ts";
import type { ControlLog } from "../ledger/control/contract.ts";
import type { JsonValue } from "../model/event.ts";
import { health, ready } from "./api/service.ts";
import { approvalRoutes } from "./approvals.ts";
import { type ApiKey, type Door, peerDoor, portDoor, socketHosts } from "./auth.ts";
import { decideRoute } from "./decide.ts";
import { createDispatch } from "./dispatch.ts";
import { documentRoutes } from "./documents.ts";
import { eventRoutes } from "./events.ts";
import { Refusal, type Route, reply, replyRefusal, route } from "./http.ts";
import { turnsMax } from "./live-decision.ts";
import { manifestRoutes } from "./manifests.ts";
import { metricsRoute } from "./metrics/route.ts";
import { createServerMetrics, type ServerMetrics } from "./metrics/server-metrics.ts";
import { replayRoutes } from "./replay.ts";
import { sessionTokenRoute } from "./session-token.ts";
import { sessionRoutes } from "./sessions.ts";
import { createStepRecorder, type StepRecorder } from "./steps.ts";
import { tailRoute } from "./tail.ts";
import { traced } from "./traced.ts";

export interface ServerOptions {
  readonly log: ControlLog;
  readonly hostname: string;
  /** 0: any free one; undefined: none, where there is a socket. */
  readonly port: number | undefined;
  /** Not released by the server. */
  readonly socket?: ServedSocket | undefined;
  readonly decide: Decide;
  /** SHA-256 of the policy that `decide` asks now; absent: decisions are recorded without it. */
  readonly policyHash?: () => string;
  readonly manifest: JsonValue;
  /** Absent: a request's own manifest replaces it. */
  readonly isManifestBinding?: boolean;
  /** What clients call it besides its own names; absent: nothing else. */
  readonly hosts?: readonly HostName[];
  /** None: the port is only on loopback, and everybody may everything. */
  readonly keys: readonly ApiKey[];
  /** Signs tokens, of approvals and of sessions. */
  readonly secret: Uint8Array;
  /** Of the ledger behind `log`. */
  readonly origin: string;
  /** Absent: the usual ones. */
  readonly approvalRules?: ApprovalRules;
  readonly nowMs: () => number;
  /** With fractions, for durations; absent: `nowMs`. */
  readonly monotonicMs?: () => number;
  /** Calls of one tool by one tenant in a minute; 0: no limit. */
  readonly rateLimit: number;
  readonly tls: TlsSource | undefined;
  /** Told of calls that wait. */
  readonly webhook?: Webhook | undefined;
  readonly onAnswered?: (request: AnsweredRequest) => void;
  /** Ended by `stop`. */
  readonly telemetry?: Telemetry;
  /** Absent: its own. */
  readonly metrics?: ServerMetrics;
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
  /** 0: none. */
  readonly port: number;
  /** Ends streams, answers what is under way, ten seconds at most, then closes. */
  stop(): Promise<void>;
}

const idleTimeoutSeconds = 120;
const stopMaxMs = 10_000;

/** For a server that others beside it count with. */
export function serverMetrics(options: ServerOptions): ServerMetrics {
  const { log, secret, nowMs, telemetry = noTelemetry, monotonicMs = nowMs, webhook } = options;
  const spansLost = () => telemetry.lost();
  const clocks = { nowMs, monotonicMs };
  return createServerMetrics({ log, secret, ...clocks, spansLost, webhooks: webhook?.counts });
}

export function startServer(options: ServerOptions): RunningServer {
  const { hostname, nowMs, telemetry = noTelemetry, monotonicMs = nowMs } = options;
  const steps = createStepRecorder(options.log, monotonicMs);
  const stopping = new AbortController();
  const counted = options.metrics ?? serverMetrics(options);
  const about = { steps, counted, stopping: stopping.signal };
  const dispatch = createDispatch(traced(telemetry, routesOf(options, about)));
  const answerBy = async (request: Incoming, door: Door): Promise<Response> => {
    const started = monotonicMs();
    const { response, path } = await dispatch(request, door);
    const [method, { status }] = [request.method, response];
    const tookMs = monotonicMs() - started;
    counted.answered({ method, route: path, status, seconds: tookMs / 1000 });
    options.onAnswered?.({ method, route: path, status, durationMs: Math.round(tookMs) });
    return response;
  };
  const port = options.port === undefined ? undefined : onPort(options, options.port, answerBy);
  const socket = onSocket(options, answerBy, () => void port?.stop(0));
  // ignored: whoever asks for a session's steps catches up with it, and is told of an error
  void steps.resume().catch(() => undefined);
  return {
    hostname,
    port: port?.port ?? 0,
    stop: async () => {
      stopping.abort();
      await Promise.all([port?.stop(stopMaxMs), socket?.stop(stopMaxMs)]);
      await steps.stop();
      await telemetry.stop();
    },
  };
}

type AnswerBy = (request: Incoming, door: Door) => Promise<Response>;

const failed = (): Response =>
  replyRefusal(new Refusal("internal", "the request could not be answered"));

function onPort(
  { hostname, hosts = [], keys, tls }: ServerOptions,
  port: number,
  answerBy: AnswerBy,
): Listener {
  let door: Door | undefined;
  const doorOf = (own: number): Door => {
    const rest = { port: own, named: hosts, isGuarded: keys.length > 0 };
    return portDoor(keys, ownHosts(hostname, rest));
  };
  const listener = openListener({
    hostname,
    port,
    tls: tls?.first,
    idleTimeoutSeconds,
    // Bodies are bounded where they are read, so that whoever sends one is told.
    bodySizeMax: Number.MAX_SAFE_INTEGER,
    answer(request, server) {
      // Once: a server that is asked for its port asks the kernel each time.
      door ??= doorOf(server.port ?? 0);
      return answerBy(request, door);
    },
    failed,
  });
  tls?.onChange(listener.replace);
  return listener;
}

/** @param giveUp ends what listens already, when the socket cannot be had */
function onSocket(
  { socket, keys, hosts = [] }: ServerOptions,
  answerBy: AnswerBy,
  giveUp: () => void,
): SocketListener | undefined {
  if (socket === undefined) return undefined;
  const rules = { hasPeers: socket.hasPeers, keys, hosts: socketHosts(hosts) };
  try {
    return socket.listen<Door>({
      idleTimeoutSeconds,
      greet(fd) {
        const peer = socket.peerAt(fd);
        return { who: peerDoor(peer, rules), isBrief: peer === undefined };
      },
      answer: answerBy,
      failed,
    });
  } catch (error) {
    giveUp();
    throw error;
  }
}

interface About {
  readonly steps: StepRecorder;
  readonly counted: ServerMetrics;
  readonly stopping: AbortSignal;
}

/** A handler for each operation that is declared (api/operation.ts says how to add one). */
function routesOf(options: ServerOptions, { steps, counted, stopping }: About): readonly Route[] {
  const { nowMs, rateLimit, secret, keys, approvalRules } = options;
  const log = counted.log(options.log);
  const decide = counted.decide(options.decide);
  const states = createLiveStates(log);
  const limiter = () => createRateLimiter(rateLimit, nowMs);
  return [
    ...eventRoutes(log, nowMs, limiter()),
    tailRoute(log, stopping, counted.streaming),
    ...sessionRoutes(log, states, budgetsOf(options.manifest)),
    ...replayRoutes({ ...options, steps }),
    sessionTokenRoute(options),
    decideRoute({
      ...options,
      log,
      states,
      decide,
      limiter: limiter(),
      turns: createTurns(turnsMax),
      onDecided: counted.decided,
    }),
    ...manifestRoutes(options.manifest),
    ...approvalRoutes({ log, secret, nowMs, approvalRules, onAsked: options.webhook?.send }),
    route(health, () => reply(200, { status: "ok" })),
    route(ready, () => readiness(log)),
    metricsRoute(counted),
    ...documentRoutes(keys.length > 0),
  ];
}

async function readiness(log: ControlLog): Promise<Response> {
  try {
    await log.size();
    return reply(200, { status: "ok" });
  } catch {
    return reply(503, { status: "not ready", error: "db unreachable" });
  }
}
