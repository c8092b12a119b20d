// A Unix socket a server listens on. Who is at the other end is asked of the kernel when a
// connection is made, and belongs to the connection from then on: nothing in a request says it.
// Bun.serve does not tell which connection a request came by, so node:http reads these.

import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type ServerResponse,
} from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import type { Incoming } from "./listener.ts";
import type { SocketClaim } from "./socket-claim.ts";
import { incomingOf, sendAnswer } from "./socket-exchange.ts";

export interface SocketOptions<Who> {
  readonly claim: SocketClaim;
  /** Besides its own account, who may connect; absent: nobody. */
  readonly group: number | undefined;
  /** For a request to come whole, its body apart, and for an answer of which nothing is taken. */
  readonly idleTimeoutSeconds: number;
  /** Told the descriptor of each new connection. */
  greet(fd: number): Greeted<Who>;
  answer(request: Incoming, who: Who): Promise<Response> | Response;
  readonly failed: () => Response;
}

export interface Greeted<Who> {
  readonly who: Who;
  /** Whether it is answered once at most, and soon. */
  readonly isBrief: boolean;
}

export interface SocketListener {
  /** Answers what is under way, for so long at most. */
  stop(patienceMs: number): Promise<void>;
}

/** For a request of somebody who is going to be refused, milliseconds. */
const briefMs = 5000;

interface Connection<Who> extends Greeted<Who> {
  readonly socket: Socket;
  underWay: number;
  /** Ends a connection that brings no whole request. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

interface Listening<Who> {
  readonly options: SocketOptions<Who>;
  readonly connections: Map<Socket, Connection<Who>>;
  isStopping: boolean;
  /** Called when the last connection is gone, once it is stopping. */
  readonly onEmpty: () => void;
}

export function openSocket<Who>(options: SocketOptions<Who>): SocketListener {
  const { promise: empty, resolve: onEmpty } = Promise.withResolvers<void>();
  const state: Listening<Who> = { options, connections: new Map(), isStopping: false, onEmpty };
  const http = requestReader(state);
  const listener = createServer((socket) => {
    if (welcome(state, socket)) http.emit("connection", socket);
  });
  listen(listener, options);
  return {
    async stop(patienceMs) {
      state.isStopping = true;
      listener.close();
      for (const connection of state.connections.values()) settle(state, connection);
      if (state.connections.size === 0) return;
      const endAll = (): void => {
        for (const socket of state.connections.keys()) socket.destroy();
      };
      const timer = setTimeout(endAll, patienceMs);
      await empty;
      clearTimeout(timer);
    },
  };
}

/** Reads the requests of connections that it is given. */
function requestReader<Who>(state: Listening<Who>): HttpServer {
  const { connections, options } = state;
  const http = createHttpServer((request, response) => {
    const connection = connections.get(request.socket);
    // A request that was read when its connection was gone has none any more.
    if (connection === undefined) return void request.socket?.destroy();
    clearTimeout(connection.timer);
    connection.underWay += 1;
    const gone = new AbortController();
    // Whoever leaves in the middle ends what is theirs, and nothing else.
    request.on("error", () => connection.socket.destroy());
    response.on("error", () => connection.socket.destroy());
    response.once("close", () => {
      gone.abort();
      connection.underWay -= 1;
      settle(state, connection);
    });
    if (state.isStopping) response.setHeader("Connection", "close");
    void exchange(options, connection, { request, response, gone: gone.signal });
  });
  // Only what is told to clients follows from it, for connections that come this way.
  http.keepAliveTimeout = options.idleTimeoutSeconds * 1000;
  http.on("clientError", (error, socket) => {
    if (!socket.writable) return void socket.destroy();
    const isLong = "code" in error && error.code === "HPE_HEADER_OVERFLOW";
    const status = isLong ? "431 Request Header Fields Too Large" : "400 Bad Request";
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
  return http;
}

/** @returns whether its requests are to be read */
function welcome<Who>(state: Listening<Who>, socket: Socket): boolean {
  const { connections, options } = state;
  socket.on("error", () => socket.destroy());
  const fd = descriptorOf(socket);
  if (fd === undefined || state.isStopping) {
    socket.destroy();
    return false;
  }
  const connection = { ...options.greet(fd), socket, underWay: 0, timer: undefined };
  connections.set(socket, connection);
  socket.once("close", () => {
    clearTimeout(connections.get(socket)?.timer);
    connections.delete(socket);
    if (state.isStopping && connections.size === 0) state.onEmpty();
  });
  settle(state, connection);
  return true;
}

/** A connection on which nothing is under way has some time for a whole request. */
function settle<Who>({ options, isStopping }: Listening<Who>, connection: Connection<Who>): void {
  const { socket, underWay, isBrief } = connection;
  if (underWay > 0 || socket.destroyed) return;
  if (isStopping) return void socket.end(() => socket.destroy());
  const waitMs = isBrief ? briefMs : options.idleTimeoutSeconds * 1000;
  clearTimeout(connection.timer);
  connection.timer = setTimeout(() => socket.destroy(), waitMs);
}

/** Bun makes the socket before `listen` returns; what goes wrong later nobody would be told. */
function listen(listener: Server, { claim, group }: SocketOptions<unknown>): void {
  const failures: Error[] = [];
  listener.on("error", (error) => failures.push(error));
  try {
    claim.make(() => listener.listen(claim.path), group);
  } catch (error) {
    listener.close();
    throw failures[0] ?? error;
  }
}

/** Undefined: nobody can be asked who it is, so it is not served. */
function descriptorOf(socket: Socket): number | undefined {
  // Not in Node's types, but what Node has as well.
  const { _handle: handle } = socket as { _handle?: { fd?: unknown } | null };
  const fd = handle?.fd;
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}

interface Exchange {
  readonly request: Parameters<typeof incomingOf>[0];
  readonly response: ServerResponse;
  readonly gone: AbortSignal;
}

async function exchange<Who>(
  { answer, failed, idleTimeoutSeconds }: SocketOptions<Who>,
  { who, isBrief, socket }: Connection<Who>,
  { request, response, gone }: Exchange,
): Promise<void> {
  try {
    const answered = await answerTo(answer, failed, incomingOf(request, gone), who);
    if (isBrief) response.setHeader("Connection", "close");
    const stalledMs = idleTimeoutSeconds * 1000;
    await sendAnswer({ request, response, socket, stalledMs }, answered);
  } catch {
    // ignored: half an answer cannot be taken back, and a connection that ends says so
    socket.destroy();
  }
}

async function answerTo<Who>(
  answer: SocketOptions<Who>["answer"],
  failed: () => Response,
  incoming: Incoming,
  who: Who,
): Promise<Response> {
  try {
    return await answer(incoming, who);
  } catch {
    // ignored: as on a port, whoever asked is told that it failed
    return failed();
  }
}
