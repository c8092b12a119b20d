// What every program needs of macOS that the policy language has no words for: Mach services,
// sysctls, devices' requests, from base.json. Files are not in here, they come from the base
// profile. No keychain, no launching of applications, no Apple Events.

import base from "./base.json" with { type: "json" };
import { all, any, type Filter, type SbplRule } from "./sbpl.ts";

type NamedFilter = readonly string[];
interface PlainRule {
  readonly why: string;
  readonly operations: readonly string[];
  /** One of these must hold; absent together with `all`: no test. */
  readonly filters?: readonly NamedFilter[];
  /** Every one of these must hold. */
  readonly all?: readonly NamedFilter[];
}
/** What a profile needs of the network, from the grants of its policy. */
export interface NetworkNeed {
  readonly any: boolean;
  /** Hosts other than this machine. */
  readonly beyondLoopback: boolean;
  /** They are reached through the gateway, which also looks their names up. */
  readonly byName: boolean;
}

/** A denial that belongs to no policy. */
export interface PlainDenial {
  readonly operation: string;
  readonly filter: Filter;
  readonly reason: string;
}

/**
 * Typing into the terminal on the user's behalf: the shell that started the command would run it.
 */
export const typingDenial: PlainDenial = {
  operation: "file-ioctl",
  filter: { kind: "word", name: "ioctl-command", value: "#x80017472" },
  reason: "TIOCSTI types into the terminal",
};

/** Rules every profile starts with. */
export function baseRules(network: NetworkNeed): SbplRule[] {
  const plain: readonly PlainRule[] = [
    ...base.rules,
    ...(network.any ? base.networkRules : []),
    ...(network.beyondLoopback ? base.hostRules : network.byName ? lookUps : []),
  ];
  return plain.map((rule) => ({
    effect: "allow",
    operations: rule.operations,
    filter: toFilter(rule),
    message: undefined,
    comment: `base: ${rule.why}`,
  }));
}

/** Without the way to the resolver of the system: a name can carry data out. */
const lookUps: readonly PlainRule[] = base.hostRules.filter(({ operations }) =>
  operations.includes("mach-lookup"),
);

function toFilter(rule: PlainRule): Filter {
  if (rule.all !== undefined) return all(...rule.all.map(toNamed));
  return rule.filters === undefined ? all() : any(...rule.filters.map(toNamed));
}

function toNamed([name = "", value = ""]: NamedFilter): Filter {
  switch (name) {
    case "literal":
    case "subpath":
    case "regex":
    case "extension":
    case "global-name":
    case "sysctl-name":
    case "sysctl-name-prefix":
    case "ipc-posix-name":
    case "ipc-posix-name-regex":
    case "iokit-registry-entry-class":
    case "preference-domain":
      return { kind: "quoted", name, value };
    case "vnode-type":
    case "target":
    case "socket-domain":
    case "socket-protocol":
    case "ioctl-command":
      return { kind: "word", name, value };
    default:
      throw new Error(`broken invariant: base.json uses the unknown filter ${name}`);
  }
}
