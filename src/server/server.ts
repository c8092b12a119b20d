// The control plane over HTTP: routes over one ledger. Everything that fails on the way is an
// answer with a stable code, and never an allowance.

import { AegisError } from "../base/errors.ts";
import type { DecideInput, ToolDecision } from "../control/decide/decision.ts";
import { noTelemetry, type Telemetry } from "../control/telemetry/span.ts";
import type { ControlLog } from "../ledger/control-contract.ts";
import type { JsonValue } from "../model/event.ts";
import { approvalRoutes } from "./approvals.ts";
import { type ApiKey, callerOf, refuseBrowsers, requireTenant } from "./auth.ts";
import { decideRoute } from "./decide.ts";
import { eventRoutes } from "./events.ts";
import {
  type Call,
  membersOf,
  Refusal,
  type Route,
  readJson,
  reply,
  replyRefusal,
} from "./http.ts";
import { createLiveStates } from "./live.ts";
import { createRateLimiter } from "./rate-limit.ts";
import { sessionTokenRoute } from "./session-token.ts";
import { sessionRoutes } from "./sessions.ts";
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
  /** Answers what is under way, then closes. */
  stop(): Promise<void>;
}

const bodySizeMax = 8 * 1024 * 1024;
const idleTimeoutSeconds = 120;
/** Answered without a key. */
const openRoutes: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

export function startServer(options: ServerOptions): RunningServer {
  const { log, hostname, keys, nowMs, telemetry = noTelemetry } = options;
  const states = createLiveStates(log);
  const caller = (call: Call) => callerOf(call.headers, keys);
  const limiter = createRateLimiter(options.rateLimit, nowMs);
  const routes = traced(telemetry, [
    { method: "GET", path: "/healthz", handle: () => reply(200, { status: "ok" }) },
    { method: "GET", path: "/readyz", handle: () => ready(log) },
    ...eventRoutes(log, nowMs, createRateLimiter(options.rateLimit, nowMs)),
    ...sessionRoutes(log, states),
    sessionTokenRoute(options),
    decideRoute({ ...options, states, limiter, callerOf: caller }),
    ...approvalRoutes({ log, secret: options.secret, nowMs, callerOf: caller }),
    tailRoute(log),
  ]);
  const server: Bun.Server<undefined> = Bun.serve({
    hostname,
    port: options.port,
    maxRequestBodySize: bodySizeMax,
    idleTimeout: idleTimeoutSeconds,
    ...(options.tls === undefined ? {} : { tls: tlsOptions(options.tls) }),
    fetch: async (request) => {
      const started = nowMs();
      const hosts = hostsOf(hostname, server.port ?? 0);
      const { response, route } = await answer(request, routes, keys, hosts);
      const [method, durationMs] = [request.method, nowMs() - started];
      options.onAnswered?.({ method, route, status: response.status, durationMs });
      return response;
    },
    error: () => replyRefusal(new Refusal(500, "internal", "the request could not be answered")),
  });
  return {
    hostname,
    port: server.port ?? 0,
    stop: async () => {
      await server.stop();
      await telemetry.stop();
    },
  };
}

function tlsOptions({ cert, key, ca }: ServerTls): Bun.TLSOptions {
  if (ca === undefined) return { cert, key };
  return { cert, key, ca, requestCert: true, rejectUnauthorized: true };
}

/** What a request may call this server. */
function hostsOf(hostname: string, port: number): ReadonlySet<string> {
  const names = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    hostname.includes(":") ? `[${hostname}]` : hostname,
  ];
  return new Set(
    names.flatMap((name) => [name, `${name}:${port}`]).map((name) => name.toLowerCase()),
  );
}

async function ready(log: ControlLog): Promise<Response> {
  try {
    await log.size();
    return reply(200, { status: "ok" });
  } catch {
    return reply(503, { status: "not ready", error: "db unreachable" });
  }
}

async function answer(
  request: Request,
  routes: readonly Route[],
  keys: readonly ApiKey[],
  hosts: ReadonlySet<string>,
): Promise<{ readonly response: Response; readonly route: string }> {
  let route = "-";
  try {
    const url = new URL(request.url);
    if (keys.length === 0) refuseBrowsers(request.headers, hosts);
    const found = routeFor(routes, request.method, url.pathname);
    route = found.route.path;
    const call = await callFrom(request, url, found.params);
    const isBatch = found.route.path.endsWith(":batch");
    if (!openRoutes.has(route)) await requireOwnTenant(call, keys, isBatch);
    return { response: await found.route.handle(call), route };
  } catch (error) {
    return { response: failure(error), route };
  }
}

async function requireOwnTenant(
  call: Call,
  keys: readonly ApiKey[],
  isBatch: boolean,
): Promise<void> {
  const caller = callerOf(call.headers, keys);
  if (caller.tenant === undefined) return;
  requireTenant(caller, call.query.get("tenant_id"));
  const body = await call.text();
  const texts = isBatch ? body.split("\n") : [body];
  for (const text of texts.filter((line) => line.trim() !== "")) {
    const tree = readJson(new TextEncoder().encode(text));
    const members = membersOf(tree);
    const session = members.get("session");
    const named = session instanceof Map ? session : members;
    const tenant = named.get("tenant_id");
    requireTenant(caller, typeof tenant === "string" ? tenant : null);
  }
}

interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

function routeFor(routes: readonly Route[], method: string, path: string): Found {
  const wanted = method === "HEAD" ? "GET" : method;
  const matching = routes.flatMap((route): Found[] => {
    const params = paramsOf(route.path, path);
    return params === undefined ? [] : [{ route, params }];
  });
  const found = matching.find(({ route }) => route.method === wanted);
  if (found !== undefined) return found;
  if (matching.length === 0) throw new Refusal(404, "route_not_found", "404 page not found");
  throw new Refusal(405, "method_not_allowed", "Method Not Allowed", {
    allowed: matching.map(({ route }) => route.method),
  });
}

/** Undefined when the path is another one. */
function paramsOf(template: string, path: string): Readonly<Record<string, string>> | undefined {
  const wanted = template.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const value = given[at] ?? "";
    if (!part.startsWith("{")) {
      if (part !== value) return undefined;
      continue;
    }
    const decoded = decoded_(value);
    if (decoded === undefined || decoded === "") return undefined;
    params[part.slice(1, -1)] = decoded;
  }
  return params;
}

function decoded_(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // ignored: such a path names nothing here
    return undefined;
  }
}

async function callFrom(
  request: Request,
  url: URL,
  params: Readonly<Record<string, string>>,
): Promise<Call> {
  const bytes = request.method === "POST" ? await request.bytes() : new Uint8Array();
  return {
    params,
    query: url.searchParams,
    headers: request.headers,
    signal: request.signal,
    json: async () => readJson(bytes),
    text: async () => new TextDecoder("utf-8").decode(bytes),
  };
}

function failure(error: unknown): Response {
  if (error instanceof Refusal) return replyRefusal(error);
  if (error instanceof AegisError && error.code.startsWith("ledger/")) {
    const text = `store error: ${error.message}`;
    return replyRefusal(new Refusal(503, "ledger_unavailable", text));
  }
  return replyRefusal(new Refusal(500, "internal", "the request could not be answered"));
}
