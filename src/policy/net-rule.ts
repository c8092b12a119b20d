// Network rules as one word, the way flags and manifests write them: `HOST`, `HOST:PORT`, `:PORT`,
// `*.HOST`, a range of addresses, `localhost`, each for TCP or behind `udp:` and `icmp:`. Read into
// atoms, and written back for advice.

import { canonicalHost, formatEndpoint, isAddress, parseEndpoint } from "../base/host.ts";
import { formatCidr, parseCidr } from "../base/ip.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Resource } from "../model/attempt.ts";
import type { Atom, Protocol } from "../model/capability.ts";
import { splitProtocol } from "./attempt.ts";

/** Conditions of which any may hold. */
export type NetRule = readonly (readonly Atom[])[];

export interface NetProblem {
  /** Goes on after "it". */
  readonly message: string;
  readonly hint: string;
}

/** What may be written, for hints. */
export const netForms =
  "HOST, HOST:PORT, *.HOST, ADDRESS/BITS, :PORT or localhost:PORT, also behind udp: or icmp:";

/**
 * The rule a word stands for. A permit without a protocol is one for TCP, a forbid one for all.
 */
export function parseNetRule(
  word: string,
  effect: "permit" | "forbid",
): Result<NetRule, NetProblem> {
  const { protocol, rest } = splitProtocol(word);
  const target = parseTarget(rest, effect);
  if (!target.ok) return target;
  const { hosts, port } = target.value;
  if (protocol === "icmp" && port !== undefined)
    return err({ message: "names a port, which ICMP has not", hint: "leave the port out" });
  const rules = protocolAtoms(protocol ?? (effect === "permit" ? "tcp" : undefined));
  const ports: Atom[] =
    port === undefined ? [] : [{ kind: "port", op: "==", port, negated: false }];
  return ok(hosts.map((host) => [...host, ...ports, ...rules]));
}

/** An address of this machine and a port to serve on: `PORT`, `ADDRESS:PORT`, `localhost:PORT`. */
export function parseListenRule(word: string): Result<NetRule, NetProblem> {
  const { protocol = "tcp", rest } = splitProtocol(word);
  const target = parseTarget(/^\d+$/.test(rest) ? `:${rest}` : rest, "permit");
  if (!target.ok) return target;
  const { hosts, port } = target.value;
  const isHere = hosts.flat().every((atom) => atom.kind === "host-equals" && isOwn(atom.host));
  if (port === undefined || protocol === "icmp" || !isHere)
    return err({ message: "is no port", hint: "use PORT or ADDRESS:PORT, also behind udp:" });
  const onPort: Atom = { kind: "port", op: "==", port, negated: false };
  return ok(hosts.map((host) => [...host, onPort, ...protocolAtoms(protocol)]));
}

/** The word that permits what a resource says, undefined for what no word can say. */
export function netWord({ host, port, protocol = "tcp" }: Resource): string | undefined {
  if (host === undefined || canonicalHost(host) !== host) return undefined;
  const name = ownHosts.includes(host) ? "localhost" : host;
  const prefix = protocol === "tcp" ? "" : `${protocol}:`;
  if (port === undefined || port === 0 || protocol === "icmp") return `${prefix}${name}`;
  return `${prefix}${formatEndpoint(name, port)}`;
}

/** What the name `localhost` leads to on every machine. */
const ownHosts = ["localhost", "127.0.0.1", "::1"];

function isOwn(host: string): boolean {
  return host === "localhost" || isAddress(host);
}

function protocolAtoms(protocol: Protocol | undefined): Atom[] {
  return protocol === undefined ? [] : [{ kind: "protocol", protocol, negated: false }];
}

interface Target {
  /** Conditions on the host, of which any may hold; `[[]]` is every host. */
  readonly hosts: readonly (readonly Atom[])[];
  readonly port: number | undefined;
}

function parseTarget(text: string, effect: "permit" | "forbid"): Result<Target, NetProblem> {
  const { host, digits } = splitPort(text);
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535))
    return err({ message: `names the port ${digits}`, hint: "ports are 1 to 65535" });
  if (text === "none" || text.includes("://")) return notRead;
  if (text === "all") return ok({ hosts: [[]], port: undefined });
  if (host === "") return digits === undefined ? notRead : ok({ hosts: [[]], port });
  if (host.includes("*")) return withHosts(parsePattern(host), port);
  if (host.includes("/")) return withHosts(parseRange(host), port);
  // "8080" alone could be a host for a parser, and is a port for a person.
  if (/^\d+$/.test(host))
    return err({ message: "is no host or port", hint: `for a port write ":${host}"` });
  const name = host.includes(":") ? canonicalHost(host) : parseEndpoint(host)?.host;
  if (name === undefined) return notRead;
  return ok({ hosts: name === "localhost" ? ownAtoms(effect) : [[equals(name)]], port });
}

const notRead = err({ message: "is no host or port", hint: `use ${netForms}` });

/** `[…]` around IPv6; without brackets an IPv6 address has no port. */
function splitPort(text: string): { host: string; digits: string | undefined } {
  const [, inside, after] = /^\[([^\]]*)\](?::(\d{1,5}))?$/s.exec(text) ?? [];
  if (inside !== undefined) {
    // Brackets are for what has colons; around a name they are part of no host.
    return { host: inside.includes(":") ? inside : text, digits: after };
  }
  if (text.split(":").length > 2) return { host: text, digits: undefined };
  const [, host = text, digits] = /^([^:]*):(\d{1,5})$/s.exec(text) ?? [];
  return { host, digits };
}

function withHosts(
  hosts: Result<Target["hosts"], NetProblem>,
  port: number | undefined,
): Result<Target, NetProblem> {
  return hosts.ok ? ok({ hosts: hosts.value, port }) : hosts;
}

function parsePattern(text: string): Result<Target["hosts"], NetProblem> {
  const name = text.startsWith("*.") ? text.slice(2) : "*";
  const host = canonicalHost(name);
  // "*.0.0.1" would be a pattern over the digits of addresses.
  if (host === undefined || isAddress(host)) {
    const hint = 'write "*.name.example" for all names below one, or a range of addresses';
    return err({ message: "is no pattern of names", hint });
  }
  return ok([[{ kind: "host-like", parts: ["", `.${host}`], negated: false }]]);
}

function parseRange(text: string): Result<Target["hosts"], NetProblem> {
  const range = parseCidr(text);
  const [address = ""] = text.split("/", 1);
  if (range === undefined)
    return err({ message: "is no range of addresses", hint: "write ADDRESS/BITS: 10.0.0.0/8" });
  const written = formatCidr(range);
  const { ip, bits } = range;
  const network = written.slice(0, written.indexOf("/"));
  if (canonicalHost(address) !== network)
    return err({ message: "has bits beyond its range", hint: `write "${written}"` });
  if (bits === ip.bytes.length * 8) return ok([[equals(network)]]);
  return ok([[{ kind: "host-cidr", address: network, bits, negated: false }]]);
}

/** A permit opens what the name leads to; a forbid closes every address that leads here. */
function ownAtoms(effect: "permit" | "forbid"): readonly (readonly Atom[])[] {
  if (effect === "permit") return ownHosts.map((host) => [equals(host)]);
  const range: Atom = { kind: "host-cidr", address: "127.0.0.0", bits: 8, negated: false };
  return [[equals("localhost")], [range], [equals("::1")]];
}

function equals(host: string): Atom {
  return { kind: "host-equals", host, negated: false };
}
