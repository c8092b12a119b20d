// The IR: what every policy front-end compiles to and the only thing back-ends and decide() read. A
// set of capabilities is default-deny and deny-wins: a forbid that matches beats every permit, no
// match is a deny.

/** What can be tried. Names are those of the Cedar schema (`Aegis::Action::"FileRead"`). */
export const actions = [
  "FileRead",
  "FileWrite",
  "FileDelete",
  "DirCreate",
  "DirList",
  "NetConnect",
  "NetBind",
  "NetRequest",
  "ToolCall",
  "ProcessSpawn",
  "ProcessExit",
  "ApiUsage",
] as const;
export type Action = (typeof actions)[number];

/** Actions whose resource is a path; `ProcessSpawn`'s is the executable's path. */
export const pathActions = [
  "FileRead",
  "FileWrite",
  "FileDelete",
  "DirCreate",
  "DirList",
  "ProcessSpawn",
] as const satisfies readonly Action[];
export type PathAction = (typeof pathActions)[number];

/** `tcp` is every stream, `icmp` the echo sockets of both IP versions. */
export const protocols = ["tcp", "udp", "icmp"] as const;
export type Protocol = (typeof protocols)[number];

/**
 * One test on the resource. A clause is a conjunction of atoms.
 * - `path-in`: the path is `path` or lies below it (by component).
 * - `path-equals`: exactly `path`.
 * - `path-like`: Cedar's `like`; `parts` are the literal pieces between the `*`s ("a*b" is
 *   ["a","b"]); `*` crosses `/`.
 * - `host-equals`/`host-like`: canonical host (`base/host.ts`): lower-case name or address text.
 * - `host-cidr`: the host is an address whose first `bits` bits are those of `address`; `address`
 *   is canonical with all other bits zero. No name is in any range, no IPv4 address in one of IPv6.
 * - `port`: comparison with an integer 0–65535.
 * - `protocol`: what is spoken on top of IP.
 *
 * A test on what the resource does not have (the host of a file) does not hold, so its negation
 * does.
 */
export type Atom =
  | { readonly kind: "path-in"; readonly path: string; readonly negated: boolean }
  | { readonly kind: "path-equals"; readonly path: string; readonly negated: boolean }
  | { readonly kind: "path-like"; readonly parts: readonly string[]; readonly negated: boolean }
  | { readonly kind: "host-equals"; readonly host: string; readonly negated: boolean }
  | { readonly kind: "host-like"; readonly parts: readonly string[]; readonly negated: boolean }
  | {
      readonly kind: "host-cidr";
      readonly address: string;
      readonly bits: number;
      readonly negated: boolean;
    }
  | { readonly kind: "protocol"; readonly protocol: Protocol; readonly negated: boolean }
  | {
      readonly kind: "port";
      readonly op: "==" | "<" | "<=" | ">" | ">=";
      readonly port: number;
      readonly negated: boolean;
    };

/** Where a capability came from. `line`/`column` are 1-based; 0 when there is no text (a flag). */
export interface Origin {
  /**
   * Stable id of the rule: the policy's `@id`, else `<source>#<n>`; shown in ledger rows and
   * summaries.
   */
  readonly rule: string;
  /**
   * File name, `template:workspace`, `profile:base`, `manifest:aegis-manifest.json`, `flag:--read`
   * …
   */
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

export interface Capability {
  readonly effect: "permit" | "forbid";
  /**
   * Non-empty, in the order of `actions`, without repeats. A front-end that reads a rule about
   * NetConnect puts NetRequest beside it: a request is judged as the connection it makes.
   */
  readonly actions: readonly Action[];
  /** Agent this applies to; undefined means every agent. */
  readonly agent: string | undefined;
  /** All must hold; empty means every resource. */
  readonly where: readonly Atom[];
  readonly origin: Origin;
}

/**
 * What a policy compiles to. Order is the order of the sources; it never changes a verdict, only
 * which rule is named.
 */
export interface Capabilities {
  readonly version: 1;
  readonly capabilities: readonly Capability[];
}
