// What capabilities say about internet sockets: which ports may be connected to and served, or that
// connections go by name, which the gateway judges and not the kernel. Sockets with a path are
// files and follow the file rules; abstract ones stay in the box.

import type { Atom, Capability, Protocol } from "../../model/capability.ts";
import { simplifyParts } from "../../policy/like.ts";
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
  /** TCP by address; nothing when connections go by name. */
  readonly connect: PortSet;
  /** Never narrower than the rules. */
  readonly bind: PortSet;
  /** Connections of every other protocol to every address are granted; else they are refused. */
  readonly datagrams: boolean;
  /** Undefined: no rule depends on more than the port. */
  readonly byName: ByName | undefined;
}

export interface ByName {
  /** Some rule grants connections by UDP or ICMP. */
  readonly datagrams: boolean;
  /** Some rule grants ICMP and nothing else: leaving it out would leave out the rule. */
  readonly onlyPings: boolean;
  /** They are asked about, where they can be. */
  readonly asks: boolean;
  readonly localPorts: LocalPorts;
}

/** Ports of the host's own loopback that some rule grants by its name or address. */
export type LocalPorts = Readonly<Record<"tcp" | "udp", PortSet>>;

/** @param asks connections that no rule is about are asked about, which the gateway does */
export function networkGrants(capabilities: readonly Capability[], asks = false): NetworkGrants {
  const connect = portsFor(capabilities, "NetConnect", "tcp");
  const bind = portsFor(capabilities, "NetBind", "tcp");
  const others = otherProtocols.map((protocol) => portsFor(capabilities, "NetConnect", protocol));
  const datagrams = others.every(({ ports }) => isAllPorts(ports));
  const isByName =
    connect.isByHost ||
    bind.isByHost ||
    (!datagrams && capabilities.some(grantsOnlyDatagrams)) ||
    (asks && !(datagrams && isAllPorts(connect.ports)));
  if (!isByName) return { connect: connect.ports, bind: bind.ports, datagrams, byName: undefined };
  const byName = {
    datagrams: others.some(({ ports }) => ports.length > 0),
    onlyPings: capabilities.some(
      (capability) => grantsOnlyDatagrams(capability) && !grants(capability, "udp"),
    ),
    asks,
    localPorts: {
      tcp: localPorts(capabilities, "tcp"),
      udp: localPorts(capabilities, "udp"),
    },
  };
  return { connect: [], bind: bind.ports, datagrams: false, byName };
}

const otherProtocols = ["udp", "icmp"] as const;

export function grantsNothing({ connect, bind, datagrams, byName }: NetworkGrants): boolean {
  return connect.length === 0 && bind.length === 0 && !datagrams && byName === undefined;
}

export function grantsEverything({ connect, bind, datagrams }: NetworkGrants): boolean {
  return isAllPorts(connect) && isAllPorts(bind) && datagrams;
}

interface Granted {
  /** Wider than the rules where one depends on the host. */
  readonly ports: PortSet;
  readonly isByHost: boolean;
}

function portsFor(
  capabilities: readonly Capability[],
  action: "NetConnect" | "NetBind",
  protocol: Protocol,
): Granted {
  const concerned = capabilities.filter(({ actions }) => actions.includes(action));
  let ports: PortSet = [];
  let isByHost = false;
  for (const capability of concerned) {
    if (capability.effect !== "permit") continue;
    const clause = clauseOf(capability.where, protocol);
    ports = unitePorts(ports, clause.ports);
    isByHost ||= clause.host !== undefined;
  }
  for (const capability of concerned) {
    if (capability.effect !== "forbid") continue;
    const clause = clauseOf(capability.where, protocol);
    if (clause.host === undefined) ports = subtractPorts(ports, clause.ports);
    else isByHost ||= intersectPorts(ports, clause.ports).length > 0;
  }
  return { ports, isByHost };
}

/** What permits that name this machine grant on it; the box's own loopback gives way to them. */
function localPorts(capabilities: readonly Capability[], protocol: "tcp" | "udp"): PortSet {
  let ports: PortSet = [];
  for (const { effect, actions, where } of capabilities) {
    if (effect !== "permit" || !actions.includes("NetConnect")) continue;
    if (where.some(isThisMachine)) ports = unitePorts(ports, clauseOf(where, protocol).ports);
  }
  return ports;
}

function isThisMachine(atom: Atom): boolean {
  if (atom.kind === "host-equals")
    return !atom.negated && (/^(localhost|::1)$/.test(atom.host) || atom.host.startsWith("127."));
  if (atom.kind !== "host-cidr" || atom.negated) return false;
  return atom.address === "::1" || (atom.address.startsWith("127.") && atom.bits >= 8);
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

/** A grant of datagrams alone, which the kernel cannot tell from one of all to all. */
function grantsOnlyDatagrams(capability: Capability): boolean {
  const { effect, actions, where } = capability;
  if (effect !== "permit" || !where.some(({ kind }) => kind === "protocol")) return false;
  const isHeld = (protocol: Protocol): boolean => grants(capability, protocol);
  return actions.includes("NetConnect") && !isHeld("tcp") && otherProtocols.some(isHeld);
}

function grants({ where }: Capability, protocol: Protocol): boolean {
  return clauseOf(where, protocol).ports.length > 0;
}
