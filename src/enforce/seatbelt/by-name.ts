// Connections Seatbelt has no words for, because they depend on a name or an address: the box
// reaches one port of this machine, where the gateway judges what it is asked for. Only programs
// that use a proxy get there; the others get no network. Pure.

import type { Atom, Capability } from "../../model/capability.ts";
import { type Diagnostic, errorAt } from "../../policy/diagnostic.ts";
import { endpointFilter, reachesBeyondLoopback } from "./net-filter.ts";

export interface ByName {
  /** What is left for the profile: no connection that the gateway judges. */
  readonly capabilities: readonly Capability[];
  readonly problems: readonly Diagnostic[];
}

/** Undefined when the profile can hold every rule on connections itself. */
export function connectsByName(capabilities: readonly Capability[]): ByName | undefined {
  const about = capabilities.filter(({ actions }) => actions.includes("NetConnect"));
  const permits = about.filter(({ effect }) => effect === "permit");
  const foreign = about.filter(({ where }) => !endpointFilter(where, "remote").ok);
  if (permits.length === 0 || foreign.length === 0) return undefined;
  const isDisturbed = foreign.some(({ effect, where }) => effect === "forbid" && mayBeHere(where));
  const isDirect = (capability: Capability): boolean => {
    if (foreign.includes(capability)) return false;
    if (capability.effect === "forbid") return true;
    return !isDisturbed && !reachesBeyondLoopback(capability.where);
  };
  const problems = permits
    .filter((permit) => !isDirect(permit) && !mayBeTcp(permit.where))
    .map(({ origin }) => errorAt(origin, tcpOnly, "grant TCP, or every host by port"));
  return {
    capabilities: capabilities.flatMap((capability) =>
      isDirect(capability) ? [capability] : withoutConnect(capability),
    ),
    problems,
  };
}

const tcpOnly = "macOS holds rules by host through a proxy, which carries TCP alone";

function withoutConnect(capability: Capability): Capability[] {
  const actions = capability.actions.filter((action) => action !== "NetConnect");
  return actions.length === 0 ? [] : [{ ...capability, actions }];
}

function mayBeTcp(where: readonly Atom[]): boolean {
  return where.every((atom) => {
    return atom.kind !== "protocol" || (atom.protocol === "tcp") !== atom.negated;
  });
}

/** False only when no address of this machine satisfies the tests on the host. */
function mayBeHere(where: readonly Atom[]): boolean {
  return where.every((atom) => {
    if (atom.negated) return true;
    if (atom.kind === "host-equals") return atom.host === "localhost" || isLoopback(atom.host);
    // Ranges and patterns are not looked into: more than here at worst.
    return true;
  });
}

function isLoopback(host: string): boolean {
  return host === "::1" || /^127(?:\.\d+){3}$/.test(host);
}
