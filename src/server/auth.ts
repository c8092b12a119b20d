// Who calls: nobody in particular on a loopback port without keys, else the holder of a key. Keys
// are kept as hashes and compared in constant time; pages in browsers are kept out beside that.

import { keyHolder } from "../app/serve/callers.ts";
import { foreignHost, foreignPage, type OwnHosts } from "../app/serve/own-hosts.ts";
import type { Operation, Role } from "./api/operation.ts";
import { Refusal } from "./http.ts";

export interface Caller {
  readonly name: string;
  readonly role: Role;
  /** Undefined: every tenant. */
  readonly tenant: string | undefined;
  /** By a key: nobody else can have that name. */
  readonly isKnown: boolean;
}

export interface ApiKey extends Omit<Caller, "isKnown"> {
  /** SHA-256 of the key. */
  readonly hash: Uint8Array;
}

/** On a port of this machine that nobody needs a key for. */
const localCaller: Caller = { name: "local", role: "admin", tenant: undefined, isKnown: false };

/**
 * @param keys none: everybody who reaches the port may everything, so it has to be a loopback one
 * @throws {Refusal} 401 without a known key
 */
export function callerOf(headers: Headers, keys: readonly ApiKey[]): Caller {
  if (keys.length === 0) return localCaller;
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
  throw new Refusal("role_forbidden", `a key of the role ${may} is required, this one is ${role}`);
}

/** @throws {Refusal} 403 for another tenant's data */
export function requireTenant({ tenant }: Caller, wanted: string | undefined): void {
  if (tenant === undefined || wanted === undefined || wanted === tenant) return;
  throw new Refusal("tenant_forbidden", "this key is another tenant's");
}

/** @throws {Refusal} 403 for what is sent to another name, or by a page that is none of ours */
export function refuseBrowsers(request: Request, hosts: OwnHosts): void {
  const host = foreignHost(request.headers, hosts);
  if (host !== undefined) throw new Refusal("host_forbidden", host);
  const page = foreignPage(request, hosts);
  if (page !== undefined) throw new Refusal("origin_forbidden", page);
}
