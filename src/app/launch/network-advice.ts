// What would allow a connection that was refused: the flag for this host, this port and this
// protocol, and what a person should know before giving it. Hosts come from the watched program.

import { canonicalHost, formatEndpoint } from "../../base/host.ts";
import { parseIp } from "../../base/ip.ts";
import { classOfIp, classWords } from "../../gateway/address.ts";
import type { Action } from "../../model/capability.ts";
import type { NetProtocol } from "../../model/event.ts";
import { reasonFor } from "../../policy/decide.ts";
import { smallestGrant } from "../../policy/grant.ts";

export interface RefusedConnection {
  readonly action: Action;
  readonly path: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** Undefined where the kernel alone refused: it does not look at the kind of socket. */
  readonly protocol: NetProtocol | undefined;
  /** The address of an allowed name that was the reason. */
  readonly address: string | undefined;
  /** What was refused was said inside this connection, which was granted. */
  readonly connection: number | undefined;
  readonly reason: string;
}

export interface NetworkAdvice {
  /** Empty: no flag allows it. */
  readonly fix: string;
  /** Empty: nothing. */
  readonly note: string;
}

const resolverPort = 53;
const nothing: NetworkAdvice = { fix: "", note: "" };

/** `HOST:PORT`, behind what is not TCP. */
export function shownEndpoint({
  path,
  host = path,
  port = 0,
  protocol,
}: RefusedConnection): string {
  if (protocol === "dns" || protocol === "icmp") return `${protocol}:${host}`;
  return `${protocol === "udp" ? "udp:" : ""}${formatEndpoint(host, port)}`;
}

export function networkAdvice(refused: RefusedConnection, agent: string): NetworkAdvice {
  const { action, path, host = path, port, protocol, address, connection, reason } = refused;
  if (action === "NetConnect" && protocol === undefined && port === resolverPort)
    return { fix: "--net NAME:PORT", note: "a look-up: NAME is the host it looks for" };
  if (protocol !== undefined && canonicalHost(host) !== host) return nothing;
  // The connection is granted already; what was said in it is for another host or cannot be read.
  const isUnruled = reason === reasonFor("deny", undefined);
  if ((connection !== undefined || protocol === "dns") && !isUnruled) return nothing;
  if (protocol === "dns") {
    const resource = { path: host, host, port: undefined };
    const { flag = "" } = smallestGrant({ action, agent, resource });
    return { fix: flag, note: "a look-up: every port of it, or with :PORT one" };
  }
  const wanted = address ?? host;
  const resource = { path: wanted, host: wanted, port, protocol };
  const { flag, cedar } = smallestGrant({ action, agent, resource });
  return { fix: flag ?? `the policy line ${cedar}`, note: noteOn(action, wanted) };
}

function noteOn(action: Action, host: string): string {
  const ip = action === "NetBind" ? undefined : parseIp(host);
  const kind = ip === undefined ? "public" : classOfIp(ip);
  return kind === "public" || kind === "loopback" ? "" : `${host} is ${classWords[kind]}`;
}
