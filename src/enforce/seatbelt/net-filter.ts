// From a clause over hosts and ports to Seatbelt's endpoint filters. Pure. Seatbelt compares
// addresses, not names, and knows two: `localhost` (loopback) and `*`; it has no port ranges. What
// does not fit is a reason, never an approximation.

import { sbplPortsMax } from "../../base/limits.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { type Atom, protocols } from "../../model/capability.ts";
import { all, any, type Filter, never, not } from "./sbpl.ts";

type Side = "remote" | "local";
type Protocol = "ip" | "tcp" | "udp";
type PortAtom = Extract<Atom, { kind: "port" }>;
type HostAtom = Exclude<Atom, PortAtom | { kind: "protocol" }>;

/** The two kinds of host Seatbelt can tell apart, as bits of a set. */
const loopback = 1;
const elsewhere = 2;

const portCount = 65_536;

/** The endpoints a clause holds for, or why Seatbelt cannot tell them apart. */
export function endpointFilter(where: readonly Atom[], side: Side): Result<Filter, string> {
  const hosts = hostsOf(where);
  if (!hosts.ok) return hosts;
  const spoken = protocolsOf(where);
  if (!spoken.ok) return spoken;
  if (hosts.value === 0) return ok(never);
  const host = hosts.value === loopback ? "localhost" : "*";
  const filters: Filter[] = [];
  for (const protocol of spoken.value) {
    const ports = portFilter(where, { side, protocol, host });
    if (!ports.ok) return ports;
    const here: Filter = { kind: "endpoint", side, protocol, host: "localhost", port: "*" };
    filters.push(hosts.value === elsewhere ? all(ports.value, not(here)) : ports.value);
  }
  return ok(any(...filters));
}

/** The words for the protocols a clause holds for. There is none for ICMP alone. */
function protocolsOf(where: readonly Atom[]): Result<readonly Protocol[], string> {
  const held = protocols.filter((name) =>
    where.every((atom) => atom.kind !== "protocol" || (atom.protocol === name) !== atom.negated),
  );
  if (held.length === protocols.length) return ok(["ip"]);
  const words = held.filter((name) => name !== "icmp");
  return words.length === held.length ? ok(words) : err("macOS cannot tell ICMP from the rest");
}

/** True when the clause can hold for an endpoint that is not loopback. */
export function reachesBeyondLoopback(where: readonly Atom[]): boolean {
  const hosts = hostsOf(where);
  return !hosts.ok || (hosts.value & elsewhere) !== 0;
}

function hostsOf(where: readonly Atom[]): Result<number, string> {
  let hosts = loopback | elsewhere;
  for (const atom of where) {
    if (atom.kind === "port" || atom.kind === "protocol") continue;
    const named = hostsNamed(atom);
    if (!named.ok) return named;
    hosts &= atom.negated ? ~named.value : named.value;
  }
  return ok(hosts);
}

function hostsNamed(atom: HostAtom): Result<number, string> {
  switch (atom.kind) {
    case "path-in":
      // The path of an endpoint is its host, which lies below no directory.
      return ok(0);
    case "path-equals":
      return namedHost(atom.path);
    case "host-equals":
      return namedHost(atom.host);
    case "host-cidr":
      return err(`macOS cannot compare addresses with the range ${atom.address}/${atom.bits}`);
    case "path-like":
    case "host-like":
      return patternHosts(atom.parts);
  }
}

function namedHost(host: string): Result<number, string> {
  if (host === "localhost") return ok(loopback);
  // Hosts are compared in lower case, and none starts with a slash.
  if (host === "" || host !== host.toLowerCase() || host.startsWith("/")) return ok(0);
  return err(`macOS cannot tell the host ${JSON.stringify(host)} from others`);
}

function patternHosts(parts: readonly string[]): Result<number, string> {
  if (parts.length < 2) return namedHost(parts[0] ?? "");
  if (parts.every((part) => part === "")) return ok(loopback | elsewhere);
  if ((parts[0] ?? "").startsWith("/")) return ok(0);
  return err(`macOS cannot compare host names with the pattern ${JSON.stringify(parts.join("*"))}`);
}

/** Always tied to IP endpoints: a bare `not` would let unix sockets and other families through. */
function portFilter(
  where: readonly Atom[],
  at: { readonly side: Side; readonly protocol: Protocol; readonly host: "*" | "localhost" },
): Result<Filter, string> {
  const atoms = where.filter((atom) => atom.kind === "port");
  const matching: number[] = [];
  const others: number[] = [];
  // Nothing listens on port 0, so no connection goes there; a bind to it takes any free port.
  for (let port = at.side === "remote" ? 1 : 0; port < portCount; port++) {
    (atoms.every((atom) => portHolds(atom, port)) ? matching : others).push(port);
  }
  const everyPort: Filter = { kind: "endpoint", ...at, port: "*" };
  if (others.length === 0) return ok(everyPort);
  if (matching.length === 0) return ok(never);
  const isNegated = others.length < matching.length;
  const listed = isNegated ? others : matching;
  if (listed.length > sbplPortsMax) {
    const limit = `at most ${sbplPortsMax} are accepted`;
    return err(
      `macOS knows no port ranges, and this clause lists ${listed.length} ports: ${limit}`,
    );
  }
  if (listed.includes(0)) return err("macOS cannot tell port 0 from others");
  const endpoints = listed.map((port): Filter => ({ kind: "endpoint", ...at, port }));
  return ok(isNegated ? all(everyPort, not(any(...endpoints))) : any(...endpoints));
}

function portHolds(atom: PortAtom, port: number): boolean {
  return comparePort(atom.op, port, atom.port) !== atom.negated;
}

function comparePort(op: PortAtom["op"], port: number, than: number): boolean {
  switch (op) {
    case "==":
      return port === than;
    case "<":
      return port < than;
    case "<=":
      return port <= than;
    case ">":
      return port > than;
    case ">=":
      return port >= than;
  }
}
