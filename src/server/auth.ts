// Who calls: nobody in particular on a loopback port without keys, the holder of a key, or on a
// Unix socket the account that the kernel names. Keys are kept as hashes and compared in constant
// time; pages in browsers are kept out beside that.

import { keyHolder } from "../app/serve/callers.ts";
import {
  foreignHost,
  foreignPage,
  type HostName,
  type OwnHosts,
  ownHosts,
} from "../app/serve/own-hosts.ts";
import type { ConnectedPeer } from "../app/serve/socket.ts";
import type { JsonObject } from "../model/event.ts";
import type { Operation, Role } from "./api/operation.ts";
import { Refusal } from "./http.ts";

export interface Caller {
  readonly name: string;
  readonly role: Role;
  /** Undefined: every tenant. */
  readonly tenant: string | undefined;
  /** By a key or a line about its account: nobody else can have that name. */
  readonly isKnown: boolean;
  /** The process at the other end of a Unix socket. */
  readonly peer?: { readonly uid: number; readonly gid: number; readonly pid: number };
}

export interface ApiKey extends Omit<Caller, "isKnown" | "peer"> {
  /** SHA-256 of the key. */
  readonly hash: Uint8Array;
}

/** On a port of this machine that nobody needs a key for. */
const localCaller: Caller = { name: "local", role: "admin", tenant: undefined, isKnown: false };

type Asking = Pick<Request, "method" | "headers">;

/** A way in: a port, or one connection of a Unix socket. */
export interface Door {
  /** Before anything else of a request is looked at. @throws {Refusal} 403 */
  admit(request: Asking): void;
  /** @throws {Refusal} 401 without a known key where one is needed */
  callerOf(headers: Headers, operation: Operation): Caller;
}

/** @param keys none: whoever reaches the port may everything, so it has to be a loopback one */
export function portDoor(keys: readonly ApiKey[], hosts: OwnHosts): Door {
  const isGuarded = keys.length > 0;
  return {
    admit: browserGuard(hosts),
    callerOf: (headers, { roles }) =>
      isGuarded && roles !== "open" ? holderOf(headers, keys) : localCaller,
  };
}

export interface SocketRules {
  /** Whether somebody said what each account may do; else there is but one, and keys are asked. */
  readonly hasPeers: boolean;
  readonly keys: readonly ApiKey[];
  readonly hosts: OwnHosts;
}

/** @param peer undefined: nobody who is listed */
export function peerDoor(
  peer: ConnectedPeer | undefined,
  { hasPeers, keys, hosts }: SocketRules,
): Door {
  if (peer === undefined) {
    const refuse = (): never => {
      throw new Refusal("peer_forbidden", "this account is not listed for the socket");
    };
    return { admit: refuse, callerOf: refuse };
  }
  const { name, role, tenant, uid, gid, pid } = peer;
  const own = { name, role, tenant, isKnown: hasPeers };
  const needsKey = !hasPeers && keys.length > 0;
  return {
    admit: browserGuard(hosts),
    callerOf(headers, { roles }) {
      const who = needsKey && roles !== "open" ? holderOf(headers, keys) : own;
      return { ...who, peer: { uid, gid, pid } };
    },
  };
}

/** By which names a socket is called: a port that is forwarded to it is in reach of browsers. */
export function socketHosts(named: readonly HostName[]): OwnHosts {
  return ownHosts("localhost", { port: 0, named, isGuarded: false });
}

/** Of a record: who asked. Nothing for those who could be anybody. */
export function askedBy({ name, isKnown, peer }: Caller): JsonObject {
  if (!isKnown && peer === undefined) return {};
  return { asked_by: name, ...peerRecord(peer) };
}

export function peerRecord(peer: Caller["peer"]): JsonObject {
  return peer === undefined ? {} : { peer: { ...peer } };
}

function holderOf(headers: Headers, keys: readonly ApiKey[]): Caller {
  const found = keyHolder(headers, keys);
  if (found !== undefined) {
    const { name, role, tenant } = found;
    return { name, role, tenant, isKnown: true };
  }
  throw new Refusal("unauthorized", "a valid API key is required");
}

/** @throws {Refusal} 403 for what the role may not do */
export function requireRole({ role }: Caller, { roles }: Operation): void {
  if (roles === "open" || roles.includes(role)) return;
  const may = roles.join(" or ");
  throw new Refusal("role_forbidden", `the role ${may} is required, this caller's is ${role}`);
}

/** @throws {Refusal} 403 for another tenant's data */
export function requireTenant({ tenant }: Caller, wanted: string | undefined): void {
  if (tenant === undefined || wanted === undefined || wanted === tenant) return;
  throw new Refusal("tenant_forbidden", "this caller is another tenant's");
}

/** Throws 403 for what is sent to another name, or by a page that is none of ours. */
function browserGuard(hosts: OwnHosts): Door["admit"] {
  // Reading a name costs more than all the rest, and clients go on calling by the same one.
  let lastOwn: string | null | undefined;
  return (request) => {
    const { headers } = request;
    const called = headers.get("Host");
    if (called !== lastOwn) {
      const host = foreignHost(headers, hosts);
      if (host !== undefined) throw new Refusal("host_forbidden", host);
      lastOwn = called;
    }
    const page = foreignPage(request, hosts);
    if (page !== undefined) throw new Refusal("origin_forbidden", page);
  };
}
