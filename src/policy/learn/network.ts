// Which connections and servers a learned policy has to name. A box whose policy grants no network
// has its own loopback, so what a program says to itself there needs no grant. Pure.

import type { Protocol } from "../../model/capability.ts";
import type { SeenAccess } from "./seen.ts";

export interface Endpoint {
  readonly action: "NetConnect" | "NetBind";
  /** Address or name; undefined for a server, which is granted by port. */
  readonly host: string | undefined;
  readonly port: number;
  /** Undefined where the record does not say, so that a rule cannot either. */
  readonly protocol: Protocol | undefined;
}

export function learnNetwork(seen: readonly SeenAccess[]): readonly Endpoint[] {
  const bound = seen.filter(({ action }) => action === "NetBind");
  const served = new Set(bound.map(({ port }) => port));
  const isWithin = ({ action, path, host, port }: SeenAccess) =>
    isLoopback(host ?? path) && (action === "NetBind" || served.has(port) || served.has(0));
  if (seen.every(isWithin)) return [];
  const connected = new Set(
    seen.filter(({ protocol }) => protocol !== "dns").map(({ host }) => host),
  );
  const endpoints = new Map<string, Endpoint>();
  for (const access of seen) {
    // Whoever may be connected to may be looked up.
    if (access.protocol === "dns" && connected.has(access.host)) continue;
    for (const endpoint of endpointsOf(access))
      endpoints.set(Object.values(endpoint).join(" "), endpoint);
  }
  return [...endpoints.values()];
}

function endpointsOf({ action, path, host, port, ...access }: SeenAccess): readonly Endpoint[] {
  if (port === undefined) return [];
  const protocol = access.protocol === "dns" ? "udp" : access.protocol;
  if (action === "NetBind") return [{ action, host: undefined, port, protocol }];
  const hosts = [host ?? path, ...(access.address === undefined ? [] : [access.address])];
  return hosts.map((each) => ({ action: "NetConnect", host: each, port, protocol }));
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1" || host === "localhost";
}
