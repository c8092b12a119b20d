// A shortened clause holds for the same attempts as the clause it was made from. Random
// conjunctions over so small a world that their tests decide each other. AEGIS_PROPERTY_CLAUSES
// sets their number.

import { expect, test } from "bun:test";
import { isInCidr, parseCidr, parseIp } from "../../src/base/ip.ts";
import { contains } from "../../src/base/paths.ts";
import { type Protocol, protocols } from "../../src/model/capability.ts";
import { clauseRules } from "../../src/policy/clause.ts";
import type { Clause, Literal } from "../../src/policy/formula.ts";
import type { BoundLeaf } from "../../src/policy/leaf.ts";
import { isLike } from "../../src/policy/like.ts";
import { testMs } from "../support/patience.ts";
import { pick, type Random, randomFrom } from "../support/random-capabilities.ts";

const clausesWanted = Number(process.env.AEGIS_PROPERTY_CLAUSES ?? 100_000);

function isHostIn(host: string, { address, bits }: { address: string; bits: number }): boolean {
  const [ip, range] = [parseIp(host), parseCidr(`${address}/${bits}`)];
  return ip !== undefined && range !== undefined && isInCidr(ip, range);
}

interface Sample {
  readonly path: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly agent: string;
}

const paths = ["/a", "/a/b", "/a/b/c", "/ab", "/b", "/b/a"];
const hosts = ["a", "ab", "b.a", "b", "8.0.0.1", "8.0.0.129", "9.0.0.1", "::1", "2::"];
const ranges = [
  "0.0.0.0/0",
  "8.0.0.0/7",
  "8.0.0.0/24",
  "8.0.0.128/25",
  "8.0.0.1/32",
  "::/0",
  "::1/128",
];
const ports = [0, 1, 2, 3, 65_533, 65_534, 65_535];
const agents = ["x", "y"];
const samples: readonly Sample[] = [
  ...paths.map((path) => ({ path, host: "a", port: 1, protocol: "tcp" as const, agent: "x" })),
  ...hosts.flatMap((host) =>
    ports.flatMap((port) =>
      protocols.map((protocol) => ({ path: host, host, port, protocol, agent: "x" })),
    ),
  ),
  ...paths.map((path) => ({ path, host: "b", port: 2, protocol: "udp" as const, agent: "y" })),
];

function randomLeaf(random: Random, isPath: boolean): BoundLeaf {
  const kind = random(isPath ? 5 : 8);
  if (kind === 0) return { kind: "agent", agent: pick(random, agents) };
  if (isPath) {
    if (kind <= 2) return { kind: "path-in", path: pick(random, paths) };
    if (kind === 3) return { kind: "path-equals", path: pick(random, paths) };
    return {
      kind: "path-like",
      parts: pick(random, [
        ["/a", ""],
        ["", "b"],
        ["/", "a", ""],
      ]),
    };
  }
  if (kind === 1) return { kind: "host-equals", host: pick(random, hosts) };
  if (kind === 2)
    return {
      kind: "host-like",
      parts: pick(random, [
        ["a", ""],
        ["", "a"],
        ["", ""],
      ]),
    };
  if (kind === 6) return { kind: "protocol", protocol: pick(random, protocols) };
  if (kind === 7) {
    const [address = "", bits] = pick(random, ranges).split("/");
    return { kind: "host-cidr", address, bits: Number(bits) };
  }
  return { kind: "port", op: pick(random, ["==", "<=", ">="]), port: pick(random, ports) };
}

function holds({ leaf, negated }: Literal<BoundLeaf>, sample: Sample): boolean {
  return test(leaf) !== negated;

  function test(atom: BoundLeaf): boolean {
    switch (atom.kind) {
      case "path-in":
        return contains(atom.path, sample.path);
      case "path-equals":
        return atom.path === sample.path;
      case "path-like":
        return isLike(atom.parts, sample.path);
      case "host-equals":
        return atom.host === sample.host;
      case "host-like":
        return isLike(atom.parts, sample.host);
      case "agent":
        return atom.agent === sample.agent;
      case "port":
        if (atom.op === "==") return sample.port === atom.port;
        return atom.op === "<=" ? sample.port <= atom.port : sample.port >= atom.port;
      case "host-cidr":
        return isHostIn(sample.host, atom);
      case "protocol":
        return atom.protocol === sample.protocol;
      case "opaque":
        return true;
    }
  }
}

function matching(clause: Clause<BoundLeaf> | undefined): readonly Sample[] {
  if (clause === undefined) return [];
  return samples.filter((sample) => clause.every((literal) => holds(literal, sample)));
}

test(
  "shortening a clause changes nothing about what it matches",
  () => {
    const random = randomFrom(0xc1a5);
    const counts = { clauses: 0, never: 0, shorter: 0 };
    while (counts.clauses < clausesWanted) {
      const isPath = random(2) === 0;
      const clause = Array.from({ length: 1 + random(5) }, () => ({
        leaf: randomLeaf(random, isPath),
        negated: random(2) === 0,
      }));
      const short = clauseRules.shorten(clause);
      if (!Bun.deepEquals(matching(short), matching(clause)))
        throw new Error(JSON.stringify({ clause, short }));
      if (short !== undefined && short.length > clause.length)
        throw new Error(`longer: ${JSON.stringify({ clause, short })}`);
      counts.clauses += 1;
      counts.never += Number(short === undefined);
      counts.shorter += Number(short !== undefined && short.length < clause.length);
    }
    const { clauses, never, shorter } = counts;
    console.log(
      `clause: ${clauses} clauses, 0 changed (${never} can never hold, ${shorter} shorter)`,
    );
    expect(Math.min(never, shorter) / clauses).toBeGreaterThan(0.1);
  },
  testMs,
);

test("a clause no attempt can match is found to be one", () => {
  const never = (...clause: readonly Literal<BoundLeaf>[]) => clauseRules.shorten(clause);
  const yes = (leaf: BoundLeaf) => ({ leaf, negated: false });
  const no = (leaf: BoundLeaf) => ({ leaf, negated: true });
  const inside = (path: string): BoundLeaf => ({ kind: "path-in", path });
  const exactly = (path: string): BoundLeaf => ({ kind: "path-equals", path });
  const port = (op: "==" | "<=" | ">=", number: number): BoundLeaf => ({
    kind: "port",
    op,
    port: number,
  });
  expect([
    never(yes(inside("/a")), yes(inside("/b"))),
    never(yes(inside("/a/b")), no(inside("/a"))),
    never(yes(exactly("/a")), no(inside("/a"))),
    never(yes(exactly("/a")), yes(exactly("/b"))),
    never(yes({ kind: "path-like", parts: ["/b", ""] }), yes(exactly("/a"))),
    never(yes(port("<=", 3)), yes(port(">=", 4))),
    never(yes(port("<=", 1)), no(port("==", 0)), no(port("==", 1))),
    never(yes({ kind: "agent", agent: "x" }), yes({ kind: "agent", agent: "y" })),
  ]).toEqual(Array.from({ length: 8 }, () => undefined));
});
