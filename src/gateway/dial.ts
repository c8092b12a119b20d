// Connects to the first of several checked addresses that answers. Only addresses come in here: a
// name would be resolved a second time, to something nobody has checked.

import { formatIp, type Ip } from "../base/ip.ts";
import { dialStaggerMs, dialTimeoutMs } from "../base/limits.ts";
import { codeOf, Endpoint, endpointHandlers, silent } from "./endpoint.ts";

export interface Dialled {
  readonly endpoint: Endpoint;
  readonly ip: Ip;
}

export interface DialFailure {
  /** Linux errno for the caller's connect. */
  readonly errno: number;
  readonly error: string;
}

export interface DialOptions {
  readonly ips: readonly Ip[];
  readonly port: number;
  /** Speak TLS and check that the certificate is for this name. */
  readonly tlsName?: string;
  /** Certificates of authorities (PEM) that are trusted instead of the usual ones. */
  readonly authorities?: readonly string[];
}

export type DialResult = ({ readonly ok: true } & Dialled) | ({ readonly ok: false } & DialFailure);

const errnoOf: ReadonlyMap<string, number> = new Map([
  ["ECONNREFUSED", 111],
  ["ETIMEDOUT", 110],
  ["EHOSTUNREACH", 113],
  ["ENETUNREACH", 101],
  ["ECONNRESET", 104],
  ["EACCES", 13],
  ["EPERM", 1],
]);
const unreachable: DialFailure = { errno: 113, error: "EHOSTUNREACH" };
const timedOut: DialFailure = { errno: 110, error: "ETIMEDOUT" };

/**
 * Tries the addresses in order, the next one when the one before failed or is slow. The endpoint
 * that is given back is paused; the others are closed.
 */
export function dial({ ips, port, tlsName, authorities = [] }: DialOptions): Promise<DialResult> {
  return new Promise((settle) => {
    const tls = tlsName === undefined ? undefined : tlsOptions(tlsName, authorities);
    let next = 0;
    let pending = 0;
    let isSettled = false;
    let failure: DialFailure = unreachable;
    let stagger: ReturnType<typeof setTimeout> | undefined;
    const over = new AbortController();
    const deadline = setTimeout(() => finish({ ok: false, ...timedOut }), dialTimeoutMs);

    function finish(result: DialResult): void {
      isSettled = true;
      over.abort();
      clearTimeout(deadline);
      clearTimeout(stagger);
      settle(result);
    }

    function tryNext(): void {
      clearTimeout(stagger);
      const ip = ips[next];
      if (isSettled || ip === undefined) return;
      next += 1;
      pending += 1;
      if (next < ips.length) stagger = setTimeout(tryNext, dialStaggerMs);
      connect(ip, port, tls, over.signal).then(
        (endpoint) => {
          if (isSettled) endpoint.reset();
          else finish({ ok: true, endpoint, ip });
        },
        (error: unknown) => {
          pending -= 1;
          const code = codeOf(error);
          failure = { errno: errnoOf.get(code) ?? unreachable.errno, error: code };
          if (isSettled) return;
          if (next < ips.length) tryNext();
          else if (pending === 0) finish({ ok: false, ...failure });
        },
      );
    }

    if (ips.length === 0) finish({ ok: false, ...unreachable });
    else tryNext();
  });
}

/**
 * The endpoint is paused. With TLS it is there once the certificate was found right; a server that
 * shows none is not awaited when `over` says that nobody is any more.
 */
function connect(
  ip: Ip,
  port: number,
  tls: Bun.TLSOptions | undefined,
  over: AbortSignal,
): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    let shaking: Bun.Socket<Endpoint | undefined> | undefined;
    const giveUp = (): void => void shaking?.terminate();
    over.addEventListener("abort", giveUp);
    const ready = (socket: Bun.Socket<Endpoint | undefined>): void => {
      shaking = undefined;
      const endpoint = new Endpoint(socket, silent, tls === undefined);
      endpoint.pause();
      resolve(endpoint);
    };
    const connecting = Bun.connect<Endpoint | undefined>({
      hostname: formatIp(ip),
      port,
      allowHalfOpen: true,
      data: undefined,
      ...(tls === undefined ? {} : { tls }),
      socket: {
        ...endpointHandlers,
        open: (socket) => {
          socket.setNoDelay(true);
          shaking = socket;
          if (tls === undefined) ready(socket);
          else if (over.aborted) giveUp();
        },
        handshake: (socket, isTrusted, error) => {
          if (isTrusted && error === null) {
            ready(socket);
            return;
          }
          socket.terminate();
          reject(error ?? new Error("the certificate is not trusted"));
        },
        close: (socket, error) => {
          endpointHandlers.close(socket, error);
          reject(error ?? new Error("ECONNRESET"));
        },
      },
    });
    connecting.catch(reject);
  });
}

function tlsOptions(serverName: string, authorities: readonly string[]): Bun.TLSOptions {
  const ca = authorities.length === 0 ? {} : { ca: [...authorities] };
  return { serverName, rejectUnauthorized: true, ...ca };
}
