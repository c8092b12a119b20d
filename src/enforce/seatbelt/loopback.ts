// Rules on `localhost` in the words of Seatbelt, which has one for every address that leads back
// to the machine. A rule that names the host and its addresses, as `--net localhost:PORT` does, is
// one rule on `localhost` here. Pure.

import type { Atom, Capability } from "../../model/capability.ts";

/** What permits name for this machine, and what forbids do; each set as the flags write it. */
const namesOf = {
  permit: ["localhost", "127.0.0.1", "::1"],
  forbid: ["localhost", "127.0.0.0/8", "::1"],
} as const;

/** Capabilities of one rule that differ only in the name they have for this machine, as one. */
export function mergeLoopback(capabilities: readonly Capability[]): readonly Capability[] {
  const named = new Map<string, Set<string>>();
  for (const capability of capabilities) {
    const host = loopbackName(capability);
    if (host === undefined) continue;
    const key = keyOf(capability);
    named.set(key, (named.get(key) ?? new Set()).add(host));
  }
  return capabilities.filter((capability) => {
    const host = loopbackName(capability);
    const all = named.get(keyOf(capability));
    const isWhole = namesOf[capability.effect].every((name) => all?.has(name));
    return host === undefined || host === "localhost" || !isWhole;
  });
}

function loopbackName({ effect, where }: Capability): string | undefined {
  const hosts = where.flatMap((atom) => (isHost(atom) && !atom.negated ? [textOf(atom)] : []));
  const [host] = hosts;
  return hosts.length === 1 ? namesOf[effect].find((name) => name === host) : undefined;
}

function keyOf({ effect, actions, agent, where, origin }: Capability): string {
  const rest = where.filter((atom) => !isHost(atom) || atom.negated);
  return JSON.stringify([effect, actions, agent ?? "", rest, origin]);
}

type HostAtom = Extract<Atom, { kind: "host-equals" | "host-cidr" }>;

function isHost(atom: Atom): atom is HostAtom {
  return atom.kind === "host-equals" || atom.kind === "host-cidr";
}

function textOf(atom: HostAtom): string {
  return atom.kind === "host-equals" ? atom.host : `${atom.address}/${atom.bits}`;
}
