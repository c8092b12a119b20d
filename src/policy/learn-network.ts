// Which connections and servers a learned policy has to name. A box whose policy grants no network
// has its own loopback, so what a program says to itself there needs no grant. Pure.

import type { SeenAccess } from "./learn-seen.ts";

export interface Endpoint {
  readonly action: "NetConnect" | "NetBind";
  /** Address or name; undefined for a server, which is granted by port. */
  readonly host: string | undefined;
  readonly port: number;
}

export function learnNetwork(seen: readonly SeenAccess[]): readonly Endpoint[] {
  const bound = seen.filter(({ action }) => action === "NetBind");
  const served = new Set(bound.map(({ port }) => port));
  const isWithin = ({ action, path, host, port }: SeenAccess) =>
    isLoopback(host ?? path) && (action === "NetBind" || served.has(port) || served.has(0));
  if (seen.every(isWithin)) return [];
  const endpoints = new Map<string, Endpoint>();
  for (const { action, path, host, port } of seen) {
    if (port === undefined) continue;
    const isServer = action === "NetBind";
    const endpoint: Endpoint = isServer
      ? { action: "NetBind", host: undefined, port }
      : { action: "NetConnect", host: host ?? path, port };
    endpoints.set(`${endpoint.action} ${endpoint.host} ${port}`, endpoint);
  }
  return [...endpoints.values()];
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1" || host === "localhost";
}
