// What capabilities say about internet sockets: which ports may be connected to and served. Rules
// by host need a proxy and are refused. Sockets with a path are files and follow the file rules;
// abstract ones stay in the box.

import type { Atom, Capability } from "../../model/capability.ts";
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
  readonly connect: PortSet;
  readonly bind: PortSet;
  readonly findings: readonly Finding[];
}

export function networkGrants(capabilities: readonly Capability[]): NetworkGrants {
  const findings: Finding[] = [];
  const connect = portsFor(capabilities, "NetConnect", findings);
  const bind = portsFor(capabilities, "NetBind", findings);
  return { connect, bind, findings };
}

export function grantsNothing({ connect, bind }: NetworkGrants): boolean {
  return connect.length === 0 && bind.length === 0;
}

export function grantsEverything({ connect, bind }: NetworkGrants): boolean {
  return isAllPorts(connect) && isAllPorts(bind);
}

function portsFor(
  capabilities: readonly Capability[],
  action: "NetConnect" | "NetBind",
  findings: Finding[],
): PortSet {
  const concerned = capabilities.filter(({ actions }) => actions.includes(action));
  let granted: PortSet = [];
  for (const capability of concerned) {
    if (capability.effect !== "permit") continue;
    const clause = clauseOf(capability.where);
    if (clause.host !== undefined) findings.push(hostFinding(capability, action, clause.host));
    else granted = unitePorts(granted, clause.ports);
  }
  for (const capability of concerned) {
    if (capability.effect !== "forbid") continue;
    const clause = clauseOf(capability.where);
    const hit = intersectPorts(granted, clause.ports).length > 0;
    if (hit && clause.host !== undefined) {
      findings.push(hostFinding(capability, action, clause.host));
    } else granted = subtractPorts(granted, clause.ports);
  }
  return granted;
}

interface NetClause {
  /** Empty when no internet address satisfies the clause. */
  readonly ports: PortSet;
  /** A test on the host that is not true of all, as written; undefined when there is none. */
  readonly host: string | undefined;
}

function clauseOf(where: readonly Atom[]): NetClause {
  let ports = allPorts;
  let host: string | undefined;
  for (const atom of where) {
    if (atom.kind === "port") {
      ports = intersectPorts(ports, portsOf(atom));
      continue;
    }
    const test = hostTest(atom);
    if (test === "none") return { ports: [], host: undefined };
    if (test !== "all") host ??= test;
  }
  return ports.length === 0 ? { ports, host: undefined } : { ports, host };
}

/** Whether all hosts, none, or only some satisfy an atom; policies may call the host `path`. */
function hostTest(atom: Exclude<Atom, { kind: "port" }>): string {
  const text = textOf(atom);
  const isEveryHost = text === "*" && (atom.kind === "host-like" || atom.kind === "path-like");
  // No host lies in a folder or has a slash in its name.
  const isNoHost = atom.kind === "path-in" || text.includes("/");
  if (isEveryHost) return atom.negated ? "none" : "all";
  if (isNoHost) return atom.negated ? "all" : "none";
  return `${atom.negated ? "!" : ""}${atom.kind} "${text}"`;
}

function textOf(atom: Exclude<Atom, { kind: "port" }>): string {
  switch (atom.kind) {
    case "path-in":
    case "path-equals":
      return atom.path;
    case "host-equals":
      return atom.host;
    case "path-like":
    case "host-like":
      return simplifyParts(atom.parts).join("*");
  }
}

function hostFinding({ origin }: Capability, action: string, host: string): Finding {
  return {
    origin,
    message: `${action} cannot depend on the host (${host}): the kernel sees addresses, not names`,
    hint: "rules by host are not available yet; grant all hosts, by port if possible, or none",
  };
}
