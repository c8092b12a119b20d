// The port a server listens on. Certificates are replaced without one connection being lost: a
// second listener with the new ones takes the port over, and the first answers what it has.

import { steerTo } from "./steering.ts";
import type { ServedTls } from "./tls.ts";

/** What is read of a request, whichever way it came. */
export type Incoming = Pick<Request, "method" | "url" | "headers" | "signal" | "body" | "bytes">;

export interface ListenerOptions {
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls: ServedTls | undefined;
  /** For a connection on which nothing happens. */
  readonly idleTimeoutSeconds: number;
  readonly bodySizeMax: number;
  answer(request: Request, server: Bun.Server<undefined>): Promise<Response> | Response;
  readonly failed: () => Response;
}

export interface Listener {
  readonly port: number;
  /** `HOST:PORT` */
  readonly host: string;
  /**
   * Connections from now on are made with these; older ones end after their next answer.
   * @throws {Error} where they are no certificates, and then nothing has changed
   */
  replace(tls: ServedTls): void;
  /** Answers what is under way, for so long at most. */
  stop(patienceMs: number): Promise<void>;
}

/** Where the kernel goes on giving the old listener every other connection. */
const shortDrainMs = 1000;

/** Listeners that still answer what they have; beyond, the oldest is ended. */
const drainingMax = 8;

interface Socket {
  readonly server: Bun.Server<undefined>;
  isDraining: boolean;
}

export function openListener(options: ListenerOptions): Listener {
  let current = open(options, options.port, options.tls);
  const port = current.server.port ?? 0;
  /** In the kernel's order, which the last one takes the place of one that is closed. */
  const sharing = [current];
  const draining = new Map<Socket, ReturnType<typeof setTimeout>>();

  /** New connections are for the current one. */
  const steer = (): boolean => steerTo(port, sharing.indexOf(current));

  function end(socket: Socket): Promise<void> {
    clearTimeout(draining.get(socket));
    draining.delete(socket);
    const last = sharing.pop();
    if (last !== undefined && last !== socket) sharing[sharing.indexOf(socket)] = last;
    const ended = socket.server.stop();
    if (sharing.includes(current)) steer();
    return ended;
  }

  return {
    port,
    host: current.server.url.host,
    replace(tls) {
      const next = open(options, port, tls);
      sharing.push(next);
      const before = current;
      before.isDraining = true;
      current = next;
      // By then whoever was idle has asked again, or was told that it took too long.
      const drainMs = (options.idleTimeoutSeconds + 5) * 1000;
      const delayMs = steer() ? drainMs : shortDrainMs;
      const timer = setTimeout(() => void end(before), delayMs);
      timer.unref();
      draining.set(before, timer);
      const [oldest] = draining.keys();
      if (draining.size > drainingMax && oldest !== undefined) void end(oldest);
    },
    async stop(patienceMs) {
      const all = [...draining.keys(), current];
      const endAll = (): void => {
        for (const { server } of all) void server.stop(true);
      };
      const timer = setTimeout(endAll, patienceMs);
      await Promise.all(all.map(end));
      clearTimeout(timer);
    },
  };
}

function open(options: ListenerOptions, port: number, tls: ServedTls | undefined): Socket {
  const { hostname, answer, failed } = options;
  const socket = { isDraining: false };
  const server: Bun.Server<undefined> = Bun.serve({
    hostname,
    port,
    // Another listener of ours takes over; without TLS there is none, and nobody shares the port.
    ...(tls === undefined ? {} : { reusePort: true, tls: tlsOptions(tls) }),
    maxRequestBodySize: options.bodySizeMax,
    idleTimeout: options.idleTimeoutSeconds,
    fetch: (request) => {
      // Without TLS none is ever replaced.
      if (tls === undefined) return answer(request, server);
      return replaceable(answer(request, server), socket);
    },
    error: failed,
  });
  return Object.assign(socket, { server });
}

async function replaceable(
  answered: Promise<Response> | Response,
  socket: { readonly isDraining: boolean },
): Promise<Response> {
  const response = await answered;
  return socket.isDraining ? lastAnswer(response) : response;
}

/** Whoever gets it connects anew for the next request. */
function lastAnswer({ body, status, statusText, headers }: Response): Response {
  const closing = new Headers(headers);
  closing.set("Connection", "close");
  return new Response(body, { status, statusText, headers: closing });
}

function tlsOptions({ cert, key, ca }: ServedTls): Bun.TLSOptions {
  if (ca === undefined) return { cert, key };
  return { cert, key, ca, requestCert: true, rejectUnauthorized: true };
}
