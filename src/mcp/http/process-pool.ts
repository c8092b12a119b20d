// A server that is a command, for clients over HTTP: a process for each session of the protocol,
// and one for all requests of one client that stand alone. Their number is bounded, and a process
// ends with its session, when nobody uses it for long, or with the proxy.

import { randomSecret } from "../../base/ids.ts";
import { errorText, type Message, messagesOf, type Request } from "../message.ts";
import { rpcCodes } from "../refusal.ts";
import {
  patienceMs,
  requireProgram,
  type ServerCommand,
  type ServerProcess,
  sendLine,
  startServerProcess,
  stopServerProcess,
  within,
} from "../server-process.ts";
import { isModern, sessionHeader } from "./headers.ts";
import { createProcessLink, type ProcessLink } from "./process-link.ts";
import type { ServerRequest, Upstream } from "./upstream.ts";

export interface PoolOptions extends ServerCommand {
  /** Processes at once. */
  readonly processesMax: number;
  /** Tells the person who runs the proxy. */
  readonly say: (line: string) => void;
  /** Absent: half an hour. */
  readonly idleMs?: number;
}

export interface ProcessPool extends Upstream {
  /** Ends all processes. */
  stop(): Promise<void>;
}

interface Seat {
  readonly holder: string;
  /** Of the session; undefined for requests that stand alone. */
  readonly session: string | undefined;
  readonly process: ServerProcess;
  readonly link: ProcessLink;
  timer: ReturnType<typeof setTimeout> | undefined;
  isEnding: boolean;
}

const idleMsUsual = 30 * 60_000;
/** Of the eras with sessions; what else a header names is no version. */
const sessionVersions = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

interface Pool extends PoolOptions {
  /** The one that was used longest ago comes first. */
  readonly seats: Set<Seat>;
  readonly ends: Set<Promise<unknown>>;
  /** Of those that stand alone, by their clients. */
  readonly starting: Map<string, Promise<Seat | undefined>>;
  readonly hurry: AbortController;
}

/** @throws {AegisError} for a program that is not there */
export function createProcessPool(options: PoolOptions): ProcessPool {
  requireProgram(options);
  const pool: Pool = {
    ...options,
    ...{ seats: new Set(), ends: new Set(), starting: new Map(), hurry: new AbortController() },
  };
  return {
    keepsStreams: false,
    async ask(sent) {
      if (sent.method === "POST") return post(pool, sent);
      const session = sent.headers.get(sessionHeader);
      if (session === null) return refuse(405, rpcCodes.invalidRequest, "there is no session");
      const seat = find(pool, sent.holder, session);
      if (seat === undefined) return noSession();
      if (sent.method === "GET") return seat.link.listen(sent.signal);
      end(pool, seat, "its client ended the session");
      return new Response(null, { status: 204 });
    },
    async stop() {
      pool.hurry.abort();
      for (const seat of pool.seats) end(pool, seat, "the proxy ended");
      await Promise.all(pool.ends);
    },
  };
}

function post(pool: Pool, sent: ServerRequest): Promise<Response> | Response {
  const read = messagesOf(sent.body ?? "");
  const [message] = read.ok ? read.value.messages : [];
  if (message === undefined) throw new Error("broken invariant: no message to send on");
  if (isModern(message, sent.headers)) return alone(pool, message, sent);
  const session = sent.headers.get(sessionHeader);
  if (session === null) {
    if (message.kind === "request" && message.method === "initialize") {
      return initialize(pool, message, sent);
    }
    return refuse(400, rpcCodes.invalidRequest, "Mcp-Session-Id is missing", message);
  }
  const version = sent.headers.get("MCP-Protocol-Version");
  if (version !== null && !sessionVersions.includes(version)) {
    return refuse(400, rpcCodes.invalidRequest, "MCP-Protocol-Version is not known", message);
  }
  const seat = find(pool, sent.holder, session);
  if (seat === undefined) return noSession(message);
  if (message.kind === "request") return seat.link.ask(message, sent.signal);
  seat.link.tell(message);
  return new Response(null, { status: 202 });
}

/** The first request of a session; there is one when the server says so. */
async function initialize(pool: Pool, request: Request, sent: ServerRequest): Promise<Response> {
  const session = randomSecret(16).toHex();
  const seat = await start(pool, sent.holder, session);
  if (seat === undefined) return full(pool, request);
  let isBegun = false;
  try {
    const response = await seat.link.ask(request, sent.signal, ({ members }) => {
      isBegun = members.has("result");
    });
    if (isBegun) response.headers.set(sessionHeader, session);
    return response;
  } finally {
    if (!isBegun) end(pool, seat, "there is no session");
  }
}

async function alone(pool: Pool, message: Message, sent: ServerRequest): Promise<Response> {
  const { holder, signal } = sent;
  const seat = await shared(pool, holder);
  if (message.kind !== "request") {
    seat?.link.tell(message);
    return new Response(null, { status: 202 });
  }
  if (seat === undefined) return full(pool, message);
  if (message.method !== "server/discover") return seat.link.ask(message, signal);
  return discover(pool, seat, message, signal);
}

/** A server of the era before may not know the question, and may end when it is asked. */
async function discover(
  pool: Pool,
  seat: Seat,
  message: Request,
  signal: AbortSignal,
): Promise<Response> {
  let isKnown = false;
  try {
    return await seat.link.ask(message, signal, ({ members }) => {
      isKnown = members.has("result");
    });
  } catch (error) {
    if (signal.aborted || !seat.isEnding) throw error;
    const why = "the server ended when it was asked for its versions";
    return refuse(404, rpcCodes.methodNotFound, why, message);
  } finally {
    if (!isKnown && isIdle(seat)) end(pool, seat, "the server is of another era");
  }
}

/** One at a time: requests that come in together share what is started. */
function shared(pool: Pool, holder: string): Promise<Seat | undefined> {
  const known = find(pool, holder, undefined);
  if (known !== undefined) return Promise.resolve(known);
  const begun = pool.starting.get(holder);
  if (begun !== undefined) return begun;
  const made = start(pool, holder, undefined).finally(() => pool.starting.delete(holder));
  pool.starting.set(holder, made);
  return made;
}

function find(pool: Pool, holder: string, session: string | undefined): Seat | undefined {
  return [...pool.seats].find((seat) => {
    return seat.holder === holder && seat.session === session && !seat.isEnding;
  });
}

/** Undefined: there are too many, and all of this client's are in use. */
async function start(
  pool: Pool,
  holder: string,
  session: string | undefined,
): Promise<Seat | undefined> {
  const { seats, ends, hurry, say } = pool;
  while (seats.size >= pool.processesMax) {
    const idle = [...seats].find((seat) => seat.holder === holder && isIdle(seat));
    if (ends.size === 0 && idle !== undefined) end(pool, idle, "another session takes its place");
    if (ends.size === 0) return undefined;
    await Promise.race(ends);
  }
  if (hurry.signal.aborted) return undefined;
  const child = startServerProcess(pool);
  const link = createProcessLink({
    isShared: session === undefined,
    ...{ say, send: (text) => sendLine(child, text), onUsed: () => used(pool, seat) },
  });
  const seat: Seat = {
    ...{ holder, session, process: child, link },
    ...{ timer: undefined, isEnding: false },
  };
  seats.add(seat);
  const read = link.read(child.stdout);
  // What it started may hold its output open, and is not the server.
  const exited = child.exited.then(() => within(read, patienceMs));
  void Promise.race([read, exited]).then(async () => {
    if (seat.isEnding) return;
    end(pool, seat, "the server ended");
    say(`a server ended with status ${await stopServerProcess(child, hurry.signal)}`);
  });
  return seat;
}

function used(pool: Pool, seat: Seat): void {
  clearTimeout(seat.timer);
  if (seat.isEnding) return;
  pool.seats.delete(seat);
  pool.seats.add(seat);
  if (seat.link.underway() > 0) return;
  const { idleMs = idleMsUsual } = pool;
  seat.timer = setTimeout(() => end(pool, seat, "nobody used the session"), idleMs);
}

function isIdle(seat: Seat): boolean {
  return !seat.isEnding && seat.link.underway() === 0;
}

function end(pool: Pool, seat: Seat, why: string): void {
  if (seat.isEnding) return;
  seat.isEnding = true;
  clearTimeout(seat.timer);
  seat.link.end(why);
  const ended = stopServerProcess(seat.process, pool.hurry.signal).finally(() => {
    pool.seats.delete(seat);
    pool.ends.delete(ended);
  });
  pool.ends.add(ended);
}

function refuse(status: number, code: number, why: string, message?: Message): Response {
  const id = message?.kind === "request" ? message.id : null;
  return new Response(errorText(id, code, why), {
    status,
    headers: { "Content-Type": "application/json" },
  });
}

/** Clients begin anew then. */
function noSession(message?: Message): Response {
  return refuse(404, rpcCodes.invalidRequest, "there is no such session", message);
}

function full({ processesMax }: Pool, request: Request): Response {
  const why = `${processesMax} servers run and are in use; end a session, or raise --servers`;
  return refuse(503, rpcCodes.internal, why, request);
}
