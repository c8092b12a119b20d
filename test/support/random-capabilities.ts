// Random capabilities over a small world of paths and endpoints, and random accesses near where
// their rules turn. Seeded: the same sequence on every machine.

import { formatIp, parseIp } from "../../src/base/ip.ts";
import {
  type Atom,
  actions,
  type Capability,
  type Protocol,
  protocols,
} from "../../src/model/capability.ts";

/** A number from 0 to `below` - 1. */
export type Random = (below: number) => number;

/** xorshift32 */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export function pick<T>(random: Random, values: readonly T[]): T {
  const value = values[random(values.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}

const names = [
  "Users",
  "me",
  "ws",
  "ws2",
  "src",
  "a",
  "ab",
  "b",
  ".git",
  "hooks",
  "config",
  "k.pem",
  "x.txt",
  "Foo (1)",
  'q"uo\\te',
  "[x]*",
  "a\nb",
  "né",
  "$HOME^",
  "🙂",
];
const hosts = ["localhost", "example.com", "10.0.0.1", "::1"];
const ports = [1, 22, 79, 80, 81, 443, 1023, 1024, 8080, 65_535];

/** Absolute and normal, up to five names deep. */
export function randomPath(random: Random): string {
  const depth = random(6);
  const parts = ["Users", "me", "ws"].slice(0, random(4));
  while (parts.length < depth) parts.push(pick(random, names));
  return `/${parts.join("/")}`;
}

function randomParts(random: Random): string[] {
  const path = [...randomPath(random)];
  const parts: string[] = [""];
  for (const char of path) {
    if (random(7) === 0) parts.push("");
    if (random(9) !== 0) parts[parts.length - 1] += char;
  }
  if (random(3) === 0) parts.unshift("");
  if (random(3) === 0) parts.push("");
  return parts;
}

function randomPathAtom(random: Random): Atom {
  const negated = random(5) === 0;
  const kind = pick(random, ["path-in", "path-in", "path-equals", "path-like"] as const);
  if (kind === "path-like") return { kind, parts: randomParts(random), negated };
  // A few that no real path is: relative, with a trailing slash, not normal.
  const path = random(40) === 0 ? pick(random, ["ws", "/ws/", "/a//b", "/a/../b"]) : undefined;
  return { kind, path: path ?? randomPath(random), negated };
}

function randomSocketAtom(random: Random): Atom {
  const negated = random(4) === 0;
  if (random(2) === 0) {
    if (random(4) !== 0) return { kind: "port", op: "==", port: pick(random, ports), negated };
    // Ranges short enough to be listed, and now and then one that is not.
    const op = pick(random, ["<", "<=", ">", ">="] as const);
    const port = random(10) === 0 ? pick(random, ports) : pick(random, [1, 22, 40, 65_535]);
    return { kind: "port", op, port, negated: random(4) === 0 };
  }
  const host = random(30) === 0 ? pick(random, hosts) : "localhost";
  if (random(8) === 0) return randomAddressAtom(random, negated);
  return pick<Atom>(random, [
    { kind: "host-equals", host, negated },
    { kind: "host-like", parts: ["", ""], negated },
    { kind: "path-equals", path: host, negated },
  ]);
}

const ranges = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.0.0.1/32", "10.0.0.0/31", "::/0"];
const ranges6 = ["::1/128", "::/127", "2001:db8::/33", "2001:db8::8000:0/97"];

function randomAddressAtom(random: Random, negated: boolean): Atom {
  if (random(3) === 0) return { kind: "protocol", protocol: pick(random, protocols), negated };
  const [address = "", bits] = pick(random, [...ranges, ...ranges6]).split("/");
  return { kind: "host-cidr", address, bits: Number(bits), negated };
}

/** A host some rule names, or an address in one of its ranges or just beside it. */
export function randomHostNear(random: Random, capabilities: readonly Capability[]): string {
  const named = capabilities.flatMap(({ where }) =>
    where.flatMap((atom) => (atom.kind === "host-cidr" ? [atom] : [])),
  );
  if (named.length === 0 || random(4) === 0) return pick(random, [...hosts, "ws", "::2"]);
  const ip = parseIp(pick(random, named).address);
  if (ip === undefined) throw new Error("a range is one of addresses");
  const flipped = random(ip.bytes.length * 8);
  const bytes = ip.bytes.map((byte, index) =>
    index === flipped >> 3 && random(4) !== 0 ? byte ^ (128 >> (flipped & 7)) : byte,
  );
  return formatIp({ ...ip, bytes });
}

function randomCapability(random: Random, index: number): Capability {
  const isSocket = random(5) === 0;
  const domain = isSocket
    ? (["NetConnect", "NetBind"] as const)
    : (["FileRead", "FileWrite", "FileDelete", "DirCreate", "DirList", "ProcessSpawn"] as const);
  const wanted = domain.filter(() => random(2) === 0);
  const chosen: readonly string[] = wanted.length === 0 ? [pick(random, domain)] : wanted;
  const where = Array.from({ length: random(3) }, () =>
    isSocket ? randomSocketAtom(random) : randomPathAtom(random),
  );
  // Now and then one that mixes both worlds: a test on what a thing does not have does not hold.
  if (random(25) === 0) where.push(isSocket ? randomPathAtom(random) : randomSocketAtom(random));
  return {
    effect: random(3) === 0 ? "forbid" : "permit",
    actions: actions.filter((action) => chosen.includes(action) || random(60) === 0),
    agent: random(10) === 0 ? pick(random, ["agent", "another"]) : undefined,
    where,
    origin: { rule: `r${index}`, source: "random.cedar", line: index + 1, column: 1 },
  };
}

export function randomCapabilities(random: Random): Capability[] {
  return Array.from({ length: 1 + random(6) }, (_, index) => randomCapability(random, index));
}

/** What is said of names wherever they lie. */
function randomSuffix(random: Random): Atom {
  const suffix = pick(random, [".pem", ".txt", "/x.txt", "b", "/a/b", "/hooks"]);
  return { kind: "path-like", parts: ["", suffix], negated: random(4) === 0 };
}

/** Leave to change things, widely, and forbids to look at some of them. */
export function randomSecrets(random: Random): Capability[] {
  const origin = { rule: "r", source: "random.cedar", line: 1, column: 1 };
  const everything = ["FileRead", "FileWrite", "FileDelete", "DirCreate", "DirList"] as const;
  const place: Atom = { kind: "path-in", path: pick(random, ["/", "/Users/me"]), negated: false };
  const permit: Capability = {
    effect: "permit",
    actions: everything,
    agent: undefined,
    where: [place],
    origin,
  };
  const forbids = Array.from({ length: 1 + random(2) }, (): Capability => {
    const where = Array.from({ length: 1 + random(2) }, () => randomPathAtom(random));
    if (random(3) === 0) where.push(randomSuffix(random));
    const action = pick(random, ["FileRead", "DirList", "ProcessSpawn"] as const);
    return { effect: "forbid", actions: [action], agent: undefined, where, origin };
  });
  return [permit, ...forbids];
}

/** A path in reach of the rules: one of theirs, shortened, extended or with its stars filled in. */
export function randomPathNear(random: Random, capabilities: readonly Capability[]): string {
  const atoms = capabilities.flatMap(({ where }) => where);
  if (atoms.length === 0 || random(4) === 0) return randomPath(random);
  const atom = pick(random, atoms);
  const text = textOf(random, atom);
  const suffix = pick(random, ["", "", "", "/a", "x", "/.git/hooks/x", "\n"]);
  const chars = [...text];
  const cut = random(4) === 0 ? chars.slice(0, random(chars.length + 1)).join("") : text;
  return normal(cut + suffix);
}

function textOf(random: Random, atom: Atom): string {
  if (atom.kind === "path-in" || atom.kind === "path-equals") return atom.path;
  if (atom.kind !== "path-like") return randomPath(random);
  const filler = () => pick(random, ["", "", "/", "x", "/a/b", "\n", "é", ".", "ab"]);
  return atom.parts.reduce((text, part) => text + filler() + part);
}

/** The same name in other letter case, or in the other Unicode normal form. */
export function respelled(random: Random, path: string): string {
  const text = random(2) === 0 ? path.normalize("NFD") : path;
  return [...text]
    .map((char) => {
      if (random(3) !== 0) return char;
      return random(2) === 0 ? char.toUpperCase() : char.toLowerCase();
    })
    .join("");
}

/** What the kernel would call it: absolute, no empty, `.` or `..` part. */
function normal(text: string): string {
  const parts = text.split("/").filter((part) => part !== "" && part !== "." && part !== "..");
  return `/${parts.join("/")}`;
}

export function randomEndpoint(random: Random): {
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
} {
  const host = pick(random, hosts.slice(0, 3));
  return { host, port: pick(random, ports), protocol: pick(random, protocols) };
}
