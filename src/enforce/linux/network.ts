// What capabilities say about internet sockets: which ports may be connected to and served. Rules
// by host need a proxy and are refused. Sockets with a path are files and follow the file rules;
// abstract ones stay in the box.

import type { Atom, Capability, Protocol } from "../../model/capability.ts";
import { simplifyParts } from "../../policy/like.ts";
import type { Finding } from "./finding.ts";
import {
  allPorts,
  intersectPorts,
  isAllPorts,
  type PortSet,
  portsOf,
  subtractPorts,
  unitePorts,
} from "./ports.ts";

export interface NetworkGrants {
  /** TCP. */
  readonly connect: PortSet;
  readonly bind: PortSet;
  /** Connections of every other protocol to every address are granted; else they are refused. */
  readonly datagrams: boolean;
  readonly findings: readonly Finding[];
}

export function networkGrants(capabilities: readonly Capability[]): NetworkGrants {
  const findings: Finding[] = [];
  const connect = portsFor(capabilities, "NetConnect", "tcp", findings);
  const bind = portsFor(capabilities, "NetBind", "tcp", findings);
  const datagrams = (["udp", "icmp"] as const).every((protocol) =>
    isAllPorts(portsFor(capabilities, "NetConnect", protocol, [])),
  );
  if (!datagrams) findings.push(...capabilities.flatMap(datagramFindings));
  return { connect, bind, datagrams, findings };
}

export function grantsNothing({ connect, bind, datagrams }: NetworkGrants): boolean {
  return connect.length === 0 && bind.length === 0 && !datagrams;
}

export function grantsEverything({ connect, bind, datagrams }: NetworkGrants): boolean {
  return isAllPorts(connect) && isAllPorts(bind) && datagrams;
}

function portsFor(
  capabilities: readonly Capability[],
  action: "NetConnect" | "NetBind",
  protocol: Protocol,
  findings: Finding[],
): PortSet {
  const concerned = capabilities.filter(({ actions }) => actions.includes(action));
  let granted: PortSet = [];
  for (const capability of concerned) {
    if (capability.effect !== "permit") continue;
    const clause = clauseOf(capability.where, protocol);
    if (clause.host !== undefined) findings.push(hostFinding(capability, action, clause.host));
    else granted = unitePorts(granted, clause.ports);
  }
  for (const capability of concerned) {
    if (capability.effect !== "forbid") continue;
    const clause = clauseOf(capability.where, protocol);
    const hit = intersectPorts(granted, clause.ports).length > 0;
    if (hit && clause.host !== undefined)
      findings.push(hostFinding(capability, action, clause.host));
    granted = subtractPorts(granted, clause.ports);
  }
  return granted;
}

interface NetClause {
  /** Empty when no internet address satisfies the clause. */
  readonly ports: PortSet;
  /** A test on the host that is not true of all, as written; undefined when there is none. */
  readonly host: string | undefined;
}

function clauseOf(where: readonly Atom[], protocol: Protocol): NetClause {
  let ports = allPorts;
  let host: string | undefined;
  for (const atom of where) {
    if (atom.kind === "port") {
      ports = intersectPorts(ports, portsOf(atom));
      continue;
    }
    if (atom.kind === "protocol") {
      if ((atom.protocol === protocol) === atom.negated) return { ports: [], host: undefined };
      continue;
    }
    const test = hostTest(atom);
    if (test === "none") return { ports: [], host: undefined };
    if (test !== "all") host ??= test;
  }
  return ports.length === 0 ? { ports, host: undefined } : { ports, host };
}

type HostAtom = Exclude<Atom, { kind: "port" | "protocol" }>;

/** Whether all hosts, none, or only some satisfy an atom; policies may call the host `path`. */
function hostTest(atom: HostAtom): string {
  const text = textOf(atom);
  if (atom.kind === "host-cidr") return `${atom.negated ? "!" : ""}${atom.kind} "${text}"`;
  const isEveryHost = text === "*" && (atom.kind === "host-like" || atom.kind === "path-like");
  // No host lies in a folder or has a slash in its name.
  const isNoHost = atom.kind === "path-in" || text.includes("/");
  if (isEveryHost) return atom.negated ? "none" : "all";
  if (isNoHost) return atom.negated ? "all" : "none";
  return `${atom.negated ? "!" : ""}${atom.kind} "${text}"`;
}

function textOf(atom: HostAtom): string {
  switch (atom.kind) {
    case "path-in":
    case "path-equals":
      return atom.path;
    case "host-equals":
      return atom.host;
    case "host-cidr":
      return `${atom.address}/${atom.bits}`;
    case "path-like":
    case "host-like":
      return simplifyParts(atom.parts).join("*");
  }
}

/** A grant of datagrams alone, which must not be taken for less than it says. */
function datagramFindings(capability: Capability): Finding[] {
  const { effect, actions, where, origin } = capability;
  if (effect !== "permit" || !where.some(({ kind }) => kind === "protocol")) return [];
  const isHeld = (protocol: Protocol): boolean => clauseOf(where, protocol).ports.length > 0;
  if (!actions.includes("NetConnect") || isHeld("tcp")) return [];
  if (!isHeld("udp") && !isHeld("icmp")) return [];
  const message = "NetConnect cannot be granted for UDP or ICMP alone";
  return [{ origin, message, hint: "grant every protocol to all hosts, or none" }];
}

function hostFinding({ origin }: Capability, action: string, host: string): Finding {
  return {
    origin,
    message: `${action} cannot depend on the host (${host}): the kernel sees addresses, not names`,
    hint: "rules by host are not available yet; grant all hosts, by port if possible, or none",
  };
}
