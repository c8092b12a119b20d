// The proxy in front of a server that talks Streamable HTTP, of either era of the protocol: with
// sessions and streams, or with requests that stand alone. Requests come from anyone who reaches
// the port.

import { keyHolder } from "../../app/serve/callers.ts";
import type { ServedKey } from "../../app/serve/keys.ts";
import { openListener } from "../../app/serve/listener.ts";
import {
  foreignHost,
  foreignPage,
  type HostName,
  type OwnHosts,
  ownHosts,
} from "../../app/serve/own-hosts.ts";
import type { TlsSource } from "../../app/serve/tls.ts";
import { errorText, idKey, type Message, readMessages, requestIdOf } from "../message.ts";
import type { CallSession } from "../record.ts";
import { requestWithoutId, rpcCodes } from "../refusal.ts";
import { giveUp } from "./answers.ts";
import { exchangeBatch } from "./batch.ts";
import {
  type Arrival,
  exchange,
  type HttpParts,
  jsonResponse,
  passOn,
  tellServer,
} from "./exchange.ts";
import type { SessionHandles } from "./handles.ts";
import { answerHeaders, headerMismatch, isModern, sessionHeader } from "./headers.ts";
import { createScopes, holderOf, type Scopes } from "./scopes.ts";
import { streamed } from "./streamed.ts";
import { isStream, plainAnswer, streamType } from "./upstream.ts";

export interface McpServerOptions extends HttpParts {
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  /** What clients call it besides its own names; absent: nothing else. */
  readonly hosts?: readonly HostName[];
  /** None: everybody who reaches the port may call, so it has to be a loopback one. */
  readonly keys: readonly ServedKey[];
  readonly tls: TlsSource | undefined;
  /** What every call belongs to; undefined: a session for each of the protocol's. */
  readonly session: CallSession | undefined;
  readonly handles: SessionHandles;
}

export interface RunningMcpServer {
  /** `HOST:PORT` */
  readonly host: string;
  /** Ends what is under way, then closes. */
  stop(): Promise<void>;
}

export const mcpPath = "/mcp";
/** Who may call a server; the rest of them only look on. */
const callingRoles: readonly ServedKey["role"][] = ["agent", "approver", "admin"];
/** Requests and streams at once, whoever they are of. */
const exchangesMax = 1000;
const requestSizeMax = 4 * 1024 * 1024;
/** For a request to come in whole, seconds; answers take the time they take. */
const idleTimeoutSeconds = 30;

export function startMcpServer(options: McpServerOptions): RunningMcpServer {
  const scopes = createScopes(options.session, options);
  let hosts: OwnHosts | undefined;
  const listener = openListener({
    hostname: options.hostname,
    port: options.port,
    tls: options.tls?.first,
    idleTimeoutSeconds,
    bodySizeMax: requestSizeMax,
    answer(request, server) {
      if (server.pendingRequests > exchangesMax) {
        return refuse(503, rpcCodes.internal, `over ${exchangesMax} requests are under way`);
      }
      hosts ??= ownHosts(options.hostname, {
        port: server.port ?? 0,
        named: options.hosts ?? [],
        isGuarded: options.keys.length > 0,
      });
      return answer(options, scopes, hosts, request, () => server.timeout(request, 0));
    },
    failed: () => refuse(500, rpcCodes.internal, "the request could not be answered"),
  });
  options.tls?.onChange(listener.replace);
  return {
    host: listener.host,
    async stop() {
      const ends = scopes.all().flatMap((scope) => {
        const requests = [...scope.requests.values()];
        return requests.map((one) => giveUp(scope, one, "UPSTREAM_FAILED", "the proxy ended"));
      });
      await Promise.all(ends);
      await Promise.all(scopes.asks().map((asks) => asks.end("the proxy ended")));
      await listener.stop(0);
    },
  };
}

function refuse(status: number, code: number, message: string): Response {
  return jsonResponse(errorText(null, code, message), status);
}

async function answer(
  options: McpServerOptions,
  scopes: Scopes,
  hosts: OwnHosts,
  request: Request,
  untimed: () => void,
): Promise<Response> {
  const { headers, method, signal } = request;
  const { keys } = options;
  const foreign = foreignHost(headers, hosts) ?? foreignPage(request, hosts);
  if (foreign !== undefined) return refuse(403, rpcCodes.invalidRequest, foreign);
  const { pathname } = new URL(request.url);
  if (pathname === "/healthz" && method === "GET") return jsonResponse('{"status":"ok"}');
  if (pathname !== mcpPath) return refuse(404, rpcCodes.invalidRequest, `only ${mcpPath} is here`);
  const key = keyHolder(headers, keys);
  if (keys.length > 0 && key === undefined) {
    const refused = refuse(401, rpcCodes.invalidRequest, "a valid API key is required");
    refused.headers.set("WWW-Authenticate", "Bearer");
    return refused;
  }
  if (key !== undefined && !callingRoles.includes(key.role)) {
    const may = callingRoles.join(" or ");
    const why = `the role ${may} is required, this key's is ${key.role}`;
    return refuse(403, rpcCodes.invalidRequest, why);
  }
  if (key?.tenant !== undefined && options.session !== undefined) {
    if (key.tenant !== options.session.tenant) {
      return refuse(403, rpcCodes.invalidRequest, "this key is another tenant's");
    }
  }
  const holder = holderOf(key);
  const isAlone = isModern(undefined, headers);
  const handle = isAlone ? null : headers.get(sessionHeader);
  const mcpSession = handle === null ? null : options.handles.open(handle, holder);
  if (mcpSession === undefined) {
    return refuse(404, rpcCodes.invalidRequest, "there is no such session");
  }
  const scope = scopes.of(key, mcpSession);
  if (scope === undefined) return refuse(503, rpcCodes.internal, "too many sessions have calls");
  const own = withSession(headers, mcpSession);
  const arrival = { scope, headers: own, signal, holder, isModern: isAlone };
  const remove = (): void => {
    if (mcpSession !== null) scopes.remove(key, mcpSession);
  };
  try {
    const response = await answerKnown(options, arrival, { request, untimed, remove });
    const given = response.headers.get(sessionHeader);
    if (isAlone) response.headers.delete(sessionHeader);
    else if (given !== null) {
      response.headers.set(sessionHeader, options.handles.seal(given, holder));
    }
    return response;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return refuse(502, rpcCodes.internal, `upstream error: ${why}`);
  }
}

/** As the server knows the session; `null`: there is none. */
function withSession(headers: Headers, session: string | null): Headers {
  const own = new Headers(headers);
  if (session === null) own.delete(sessionHeader);
  else own.set(sessionHeader, session);
  return own;
}

interface Asked {
  readonly request: Request;
  /** Takes off the time that a request has to come in. */
  untimed(): void;
  /** The session is over. */
  remove(): void;
}

async function answerKnown(
  options: McpServerOptions,
  arrival: Arrival,
  { request, untimed, remove }: Asked,
): Promise<Response> {
  const { method } = request;
  if (method === "POST") return post(options, arrival, request, untimed);
  untimed();
  if (method === "GET") return listen(options, arrival);
  if (method === "DELETE") return end(options, arrival, remove);
  const refused = refuse(405, rpcCodes.invalidRequest, `${method} is not answered`);
  refused.headers.set("Allow", "GET, POST, DELETE");
  return refused;
}

async function post(
  options: McpServerOptions,
  known: Arrival,
  request: Request,
  untimed: () => void,
): Promise<Response> {
  const { headers } = known;
  if (!/^application\/json\s*(;|$)/i.test(headers.get("Content-Type") ?? "")) {
    return refuse(415, rpcCodes.invalidRequest, "the body has to be application/json");
  }
  const read = readMessages(await request.bytes());
  untimed();
  if (!read.ok) {
    const { id, code, message, isWithoutId } = read.error;
    if (isWithoutId) await options.gate.raise(known.scope.session, requestWithoutId, message);
    return jsonResponse(errorText(id, code, message), 400);
  }
  const { messages, isBatch } = read.value;
  const arrival = { ...known, isModern: messages.some((one) => isModern(one, headers)) };
  for (const message of messages) {
    const mismatch = headerMismatch(message, headers);
    if (mismatch !== undefined) return mismatched(options, arrival, message, mismatch);
  }
  if (isBatch) {
    if (arrival.isModern) return refuse(400, rpcCodes.invalidRequest, "there are no batches");
    return exchangeBatch(messages, (message) => one(options, arrival, message));
  }
  const [message] = messages;
  if (message === undefined) return refuse(400, rpcCodes.invalidRequest, "there is no message");
  return one(options, arrival, message);
}

async function one(
  options: McpServerOptions,
  arrival: Arrival,
  message: Message,
): Promise<Response> {
  if (message.kind === "request") return exchange(options, arrival, message);
  if (message.kind === "notification" && message.method === "notifications/cancelled") {
    const { scope } = arrival;
    const id = requestIdOf(message);
    if (id !== undefined && scope.starting.has(idKey(id))) {
      scope.starting.get(idKey(id))?.abort();
      return new Response(null, { status: 202 });
    }
    const request = id === undefined ? undefined : scope.requests.get(idKey(id));
    if (request !== undefined) {
      await giveUp(scope, request, "CANCELLED", "the caller took the call back");
    }
  }
  return passOn(options, arrival, message);
}

/** Somebody wants to be understood in two ways: an attack, or a broken client. */
async function mismatched(
  options: McpServerOptions,
  { scope }: Arrival,
  message: Message,
  why: string,
): Promise<Response> {
  await options.gate.raise(scope.session, "HEADER_MISMATCH", why);
  const id = message.kind === "request" ? message.id : null;
  return jsonResponse(errorText(id, rpcCodes.headerMismatch, `header mismatch: ${why}`), 400);
}

/** A stream on which the server speaks first, or a lost one again. */
async function listen(options: McpServerOptions, arrival: Arrival): Promise<Response> {
  const { scope, headers, holder, signal } = arrival;
  const response = await options.ask({ method: "GET", headers, body: undefined, holder, signal });
  if (!response.ok || !isStream(response) || response.body === null) return plainAnswer(response);
  const { say } = options;
  const refuse = (text: string) => tellServer(options, arrival, text);
  const body = streamed(response.body, { scope, say, refuse, owner: undefined });
  const { status } = response;
  return new Response(body, { status, headers: answerHeaders(response.headers, streamType) });
}

async function end(
  options: McpServerOptions,
  { scope, headers, holder, signal }: Arrival,
  remove: () => void,
): Promise<Response> {
  const sent = { headers, body: undefined, holder, signal };
  const response = await options.ask({ method: "DELETE", ...sent });
  if (response.ok) {
    for (const request of scope.requests.values()) {
      await giveUp(scope, request, "CANCELLED", "the caller ended its session");
    }
    await scope.asks.end("the caller ended its session");
    remove();
  }
  return plainAnswer(response);
}
