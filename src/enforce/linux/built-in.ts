// Rules that stand in no policy: what protects aegis itself, and what follows from the way a box is
// made.

import type { Atom, Capability, Origin } from "../../model/capability.ts";
import type { RuleSource } from "./judge-rules.ts";
import type { LocalPorts } from "./network.ts";
import { allPorts, isAllPorts, type PortRange, subtractPorts } from "./ports.ts";

function builtIn(rule: string): Origin {
  return { rule, source: "built-in", line: 0, column: 0 };
}

function builtInRule(rule: string, effect: RuleSource["effect"]): RuleSource {
  return { rule, source: "built-in", line: 0, effect };
}

/**
 * Nothing lifts this: a box that could change the ledger, the keys or the binary would judge itself
 * next time.
 */
export function ownPathRules(paths: readonly string[]): Capability[] {
  return paths.map((path) => ({
    effect: "forbid",
    actions: ["FileWrite", "FileDelete", "DirCreate"],
    agent: undefined,
    where: [{ kind: "path-in", path, negated: false }],
    origin: builtIn("aegis:own-files"),
  }));
}

/**
 * In a network namespace of its own these addresses lead back into the box; there is no other way
 * out of it.
 */
export function ownLoopbackRules(): Capability[] {
  const origin = builtIn("box:loopback");
  const actions = ["NetConnect", "NetBind"] as const;
  const equals = ["::1", "::", "0.0.0.0"].map(
    (host) => ({ kind: "host-equals", host, negated: false }) as const,
  );
  const wheres = [...equals, { kind: "host-like", parts: ["127.", ""], negated: false } as const];
  return wheres.map((atom) => ({
    effect: "permit",
    actions,
    agent: undefined,
    where: [atom],
    origin,
  }));
}

/**
 * The same where connections go by name: ports granted on this machine lead to this machine, not
 * back into the box.
 */
export function insideRules(localPorts: LocalPorts): Capability[] {
  const free = (["tcp", "udp", "icmp"] as const).flatMap((protocol) => {
    const taken = protocol === "icmp" ? [] : localPorts[protocol];
    const spoken: Atom = { kind: "protocol", protocol, negated: false };
    return subtractPorts(allPorts, taken).map((range) => [spoken, ...rangeAtoms(range)]);
  });
  return ownLoopbackRules().flatMap((rule) => [
    { ...rule, actions: ["NetBind"] as const },
    ...free.map((atoms) => ({
      ...rule,
      actions: ["NetConnect"] as const,
      where: [...rule.where, ...atoms],
    })),
  ]);
}

function rangeAtoms([low, high]: PortRange): Atom[] {
  const least: Atom = { kind: "port", op: ">=", port: low, negated: false };
  const most: Atom = { kind: "port", op: "<=", port: high, negated: false };
  return isAllPorts([[low, high]]) ? [] : [least, most];
}

/** Of the rule that lets a launch read the one file it is shown. */
export const shownSource: RuleSource = builtInRule("box:shown", "permit");

/** Of sockets without a file: the kernel lets their names lead nowhere but into the box. */
export const abstractSource: RuleSource = builtInRule("box:abstract", "permit");

/** Of a denial of a file with several names, not all of which are known to be free. */
export const severalNamesSource: RuleSource = builtInRule("box:several-names", "forbid");

/** Of a socket of a kind that no policy grants. */
export const noSocketSource: RuleSource = builtInRule("box:sockets", "forbid");

/** Of a ping where none goes by name. */
export const noPingSource: RuleSource = builtInRule("box:ping", "forbid");

/** Of a file that is to give whoever runs it the rights of its owner or group. */
export const setIdSource: RuleSource = builtInRule("box:set-id", "forbid");

/** Of a system call that no box may make. */
export const noCallSource: RuleSource = builtInRule("box:calls", "forbid");

/** For a box that is only watched. */
export function permitEverything(): Capability {
  return {
    effect: "permit",
    actions: [
      "FileRead",
      "FileWrite",
      "FileDelete",
      "DirCreate",
      "DirList",
      "NetConnect",
      "NetBind",
      "ProcessSpawn",
    ],
    agent: undefined,
    where: [],
    origin: builtIn("wrap"),
  };
}
