// The questions of the gateway, put to whoever answers those of the box: one memory, one order.

import { formatEndpoint } from "../../base/host.ts";
import type { AskHandler } from "../../enforce/backend.ts";
import type { AskConnection, AskedConnection } from "../../gateway/ask.ts";

export function askConnection(ask: AskHandler): AskConnection {
  return ({ caller, ...connection }, signal) => {
    const { pid, exe } = caller;
    const path = peerText(connection);
    return ask({ actions: ["NetConnect"], path, isGarbled: false, pid, exe, connection }, signal);
  };
}

/** As `--net` reads it. */
function peerText({ host, port, protocol }: Omit<AskedConnection, "caller">): string {
  const peer = protocol === "icmp" ? host : formatEndpoint(host, port);
  return protocol === "tcp" ? peer : `${protocol}:${peer}`;
}
