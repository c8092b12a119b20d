// What a server is told of a Unix socket to listen on, in flags or in aegis.yaml.

import { AegisError } from "../../base/errors.ts";
import { groupMax } from "../../config/daemon.ts";

export interface SocketWishes {
  /** As typed. */
  readonly path: string;
  /** File that says who may call; undefined: the server's own account, with a key where it has. */
  readonly peers: string | undefined;
  /** Number of the group that may connect as well; undefined: none. */
  readonly group: number | undefined;
}

export interface TypedSocket {
  /** `unix:PATH` */
  readonly listen: string | undefined;
  readonly peers: string | undefined;
  readonly group: string | undefined;
}

/** @throws {AegisError} `usage` for what would have no effect, or means something else */
export function socketWishes({ listen, peers, group }: TypedSocket): SocketWishes | undefined {
  if (listen === undefined) {
    const lost = peers !== undefined ? "peers" : group !== undefined ? "listen-group" : undefined;
    if (lost === undefined) return undefined;
    throw new AegisError("usage", `Cannot use --${lost}: there is no socket`, {
      hint: "give --listen unix:PATH too",
    });
  }
  return { path: socketPath(listen), peers, group: groupOf(group) };
}

interface Beside {
  readonly socket?: SocketWishes | undefined;
  /** Of a port; undefined: none. */
  readonly address: string | undefined;
  readonly keys: string | undefined;
  readonly tls?: object | undefined;
}

/** @throws {AegisError} `config/invalid` for what a server without a port would not use */
export function requireUse({ socket, address, keys, tls }: Beside): void {
  if (socket === undefined || address !== undefined) return;
  const hint = "give --addr too, or leave it out";
  if (tls !== undefined) {
    const why = "config: invalid tls: the socket has none, and there is no port";
    throw new AegisError("config/invalid", why, { hint });
  }
  if (keys === undefined || socket.peers === undefined) return;
  const why = "config: invalid keys: peers take their place on the socket, and there is no port";
  throw new AegisError("config/invalid", why, { hint });
}

/** What whoever starts a server with both may not expect. */
export function portWarnings({ socket, address, keys }: Beside): readonly string[] {
  if (socket?.peers === undefined || address === undefined || keys !== undefined) return [];
  return ["--peers is about the socket alone: the port lets every account of this machine in"];
}

function socketPath(address: string): string {
  const path = /^unix:(.+)$/s.exec(address)?.[1];
  if (path !== undefined && !path.includes("\0") && !path.endsWith("/")) return path;
  throw new AegisError("usage", `Cannot listen on "${address}": it is no unix:PATH`, {
    hint: "--addr takes HOST:PORT",
  });
}

function groupOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN;
  if (number <= groupMax) return number;
  throw new AegisError(
    "usage",
    `Cannot use "${text}" for --listen-group: it is no group's number`,
    {
      hint: "`getent group NAME` prints it, third",
    },
  );
}
