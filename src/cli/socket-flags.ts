// The flags of servers that listen on a Unix socket.

import { type SocketWishes, socketWishes } from "../app/serve/socket-wishes.ts";

export const socketFlags = {
  listen: {
    kind: "text",
    value: "unix:PATH",
    summary: "Listen on this Unix socket: alone, or with --addr on a port too.",
  },
  peers: {
    kind: "text",
    value: "FILE",
    summary: "Who may call there, a line each: uid:N|gid:N ROLE TENANT|* NAME. Default: you.",
  },
  "listen-group": {
    kind: "text",
    value: "GID",
    summary: "Number of the group that may connect to it as well.",
  },
} as const;

/** @throws {AegisError} `usage` */
export function socketWanted(flags: {
  readonly listen: string | undefined;
  readonly peers: string | undefined;
  readonly "listen-group": string | undefined;
}): SocketWishes | undefined {
  return socketWishes({ ...flags, group: flags["listen-group"] });
}
