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
export function dial({ ips, port, tlsName }: DialOptions): Promise<DialResult> {
  return new Promise((settle) => {
    let next = 0;
    let pending = 0;
    let isSettled = false;
    let failure: DialFailure = unreachable;
    let stagger: ReturnType<typeof setTimeout> | undefined;
    const deadline = setTimeout(() => finish({ ok: false, ...timedOut }), dialTimeoutMs);

    function finish(result: DialResult): void {
      isSettled = true;
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
      connect(ip, port, tlsName).then(
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

async function connect(ip: Ip, port: number, tlsName: string | undefined): Promise<Endpoint> {
  const socket = await Bun.connect<Endpoint | undefined>({
    hostname: formatIp(ip),
    port,
    allowHalfOpen: true,
    data: undefined,
    ...(tlsName === undefined ? {} : { tls: { serverName: tlsName, rejectUnauthorized: true } }),
    socket: {
      ...endpointHandlers,
      open: (opened) => {
        opened.setNoDelay(true);
        new Endpoint(opened, silent).pause();
      },
    },
  });
  if (socket.data === undefined) throw new Error("broken invariant: connected without being open");
  if (socket.data.isClosed) throw new Error("ECONNRESET");
  return socket.data;
}
