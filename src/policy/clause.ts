// The shortest form of a conjunction of atoms. What can never hold disappears, what always holds is
// left out, so that a kernel plan is made from as few and as plain tests as the policy allows.

import { type Cidr, cidrCovers, isInCidr, parseCidr, parseIp } from "../base/ip.ts";
import { policyClausesMax } from "../base/limits.ts";
import { contains } from "../base/paths.ts";
import { assert } from "../base/result.ts";
import { protocols } from "../model/capability.ts";
import type { Clause, Literal, NormalFormRules } from "./formula.ts";
import type { BoundLeaf } from "./leaf.ts";
import { isLike } from "./like.ts";

type BoundLiteral = Literal<BoundLeaf>;
type Kind = BoundLeaf["kind"];
type Test<K extends Kind> = Extract<BoundLeaf, { kind: K }>;

export const clauseRules: NormalFormRules<BoundLeaf> = {
  shorten,
  key,
  clausesMax: policyClausesMax,
};

/** Equal for literals that mean the same. */
function key({ leaf, negated }: BoundLiteral): string {
  return `${negated ? "!" : ""}${leaf.kind} ${JSON.stringify(subjectOf(leaf))}`;
}

function subjectOf(leaf: BoundLeaf): unknown {
  switch (leaf.kind) {
    case "path-in":
    case "path-equals":
      return leaf.path;
    case "path-like":
    case "host-like":
      return leaf.parts;
    case "host-equals":
      return leaf.host;
    case "host-cidr":
      return [leaf.address, leaf.bits];
    case "protocol":
      return leaf.protocol;
    case "port":
      return [leaf.op, leaf.port];
    case "agent":
      return leaf.agent;
    case "opaque":
      return leaf.clause;
  }
}

function shorten(clause: Clause<BoundLeaf>): Clause<BoundLeaf> | undefined {
  if (clause.length === 1 && clause[0]?.leaf.kind !== "port") return clause;
  const distinct = new Map(clause.map((literal) => [key(literal), literal]));
  for (const { leaf, negated } of distinct.values())
    if (distinct.has(key({ leaf, negated: !negated }))) return undefined;
  let rest: Clause<BoundLeaf> | undefined = [...distinct.values()];
  for (const step of [
    shortenEquals,
    shortenFolders,
    shortenRanges,
    shortenProtocols,
    shortenPorts,
  ]) {
    rest = step(rest);
    if (rest === undefined) return undefined;
  }
  return rest;
}

/** One exact value decides every other test on the same attribute. */
function shortenEquals(clause: Clause<BoundLeaf>): Clause<BoundLeaf> | undefined {
  const path = positive(clause, "path-equals")[0]?.path;
  const host = positive(clause, "host-equals")[0]?.host;
  const agent = positive(clause, "agent")[0]?.agent;
  const kept: BoundLiteral[] = [];
  for (const literal of clause) {
    const known = holdsFor(literal.leaf, { path, host, agent });
    if (known === undefined || isSource(literal, path, host, agent)) kept.push(literal);
    else if (known === literal.negated) return undefined;
  }
  return kept;
}

function holdsFor(
  leaf: BoundLeaf,
  known: { path: string | undefined; host: string | undefined; agent: string | undefined },
): boolean | undefined {
  switch (leaf.kind) {
    case "path-in":
      return known.path === undefined ? undefined : contains(leaf.path, known.path);
    case "path-equals":
      return known.path === undefined ? undefined : leaf.path === known.path;
    case "path-like":
      return known.path === undefined ? undefined : isLike(leaf.parts, known.path);
    case "host-equals":
      return known.host === undefined ? undefined : leaf.host === known.host;
    case "host-like":
      return known.host === undefined ? undefined : isLike(leaf.parts, known.host);
    case "host-cidr":
      return known.host === undefined ? undefined : isHostIn(leaf, known.host);
    case "agent":
      return known.agent === undefined ? undefined : leaf.agent === known.agent;
    case "protocol":
    case "port":
    case "opaque":
      return undefined;
  }
}

/** The literal that says the value itself, which has to stay. */
function isSource(
  { leaf, negated }: BoundLiteral,
  path: string | undefined,
  host: string | undefined,
  agent: string | undefined,
): boolean {
  if (negated) return false;
  if (leaf.kind === "path-equals") return leaf.path === path;
  if (leaf.kind === "host-equals") return leaf.host === host;
  return leaf.kind === "agent" && leaf.agent === agent;
}

/**
 * Of folders inside each other the innermost says it all; two that are apart contradict each other.
 */
function shortenFolders(clause: Clause<BoundLeaf>): Clause<BoundLeaf> | undefined {
  let inner: string | undefined;
  for (const { path } of positive(clause, "path-in")) {
    if (inner === undefined || contains(inner, path)) inner = path;
    else if (!contains(path, inner)) return undefined;
  }
  if (inner === undefined) return withoutCovered(clause);
  const folder = inner;
  const kept: BoundLiteral[] = [];
  for (const literal of clause) {
    const { leaf, negated } = literal;
    if (leaf.kind === "path-in" && !negated && leaf.path !== folder) continue;
    if (leaf.kind === "path-in" && negated) {
      if (contains(leaf.path, folder)) return undefined;
      if (!contains(folder, leaf.path)) continue;
    }
    if (leaf.kind === "path-equals" && negated && !contains(folder, leaf.path)) continue;
    kept.push(literal);
  }
  return withoutCovered(kept);
}

/** A folder that is left out takes everything below it along. */
function withoutCovered(clause: Clause<BoundLeaf>): Clause<BoundLeaf> {
  const out = clause.flatMap(({ leaf, negated }) =>
    negated && leaf.kind === "path-in" ? [leaf.path] : [],
  );
  if (out.length === 0) return clause;
  return clause.filter(({ leaf, negated }) => {
    if (!negated || (leaf.kind !== "path-in" && leaf.kind !== "path-equals")) return true;
    return !out.some(
      (folder) => contains(folder, leaf.path) && !(leaf.kind === "path-in" && leaf.path === folder),
    );
  });
}

/**
 * Of ranges inside each other the smallest says it all; two that are apart contradict each other,
 * and a range that is left out takes every range within it along.
 */
function shortenRanges(clause: Clause<BoundLeaf>): Clause<BoundLeaf> | undefined {
  if (!clause.some(({ leaf }) => leaf.kind === "host-cidr")) return clause;
  let inner: Cidr | undefined;
  for (const range of positive(clause, "host-cidr").map(cidrOf)) {
    if (inner === undefined || cidrCovers(inner, range)) inner = range;
    else if (!cidrCovers(range, inner)) return undefined;
  }
  const out = clause.flatMap(({ leaf, negated }) =>
    negated && leaf.kind === "host-cidr" ? [cidrOf(leaf)] : [],
  );
  const kept: BoundLiteral[] = [];
  for (const literal of clause) {
    const { leaf, negated } = literal;
    if (leaf.kind !== "host-cidr") {
      const ip = negated && leaf.kind === "host-equals" ? parseIp(leaf.host) : undefined;
      if (ip === undefined || !out.some((range) => isInCidr(ip, range))) kept.push(literal);
      continue;
    }
    const range = cidrOf(leaf);
    if (!negated) {
      if (inner !== undefined && cidrCovers(inner, range)) kept.push(literal);
      continue;
    }
    if (inner !== undefined && cidrCovers(range, inner)) return undefined;
    if (inner !== undefined && !cidrCovers(inner, range)) continue;
    if (!out.some((other) => cidrCovers(other, range) && other.bits < range.bits))
      kept.push(literal);
  }
  return kept;
}

/** There are so few that those left out may leave one, or none. */
function shortenProtocols(clause: Clause<BoundLeaf>): Clause<BoundLeaf> | undefined {
  const tests = clause.filter(({ leaf }) => leaf.kind === "protocol");
  if (tests.length === 0) return clause;
  const left = protocols.filter((name) =>
    tests.every(
      ({ leaf, negated }) => leaf.kind === "protocol" && (leaf.protocol === name) !== negated,
    ),
  );
  const [only] = left;
  if (only === undefined) return undefined;
  if (left.length > 1) return clause;
  const rest = clause.filter(({ leaf }) => leaf.kind !== "protocol");
  return [...rest, { leaf: { kind: "protocol", protocol: only }, negated: false }];
}

function cidrOf({ address, bits }: Test<"host-cidr">): Cidr {
  const cidr = parseCidr(`${address}/${bits}`);
  assert(cidr !== undefined, `"${address}/${bits}" is a range of addresses`);
  return cidr;
}

function isHostIn(leaf: Test<"host-cidr">, host: string): boolean {
  const ip = parseIp(host);
  return ip !== undefined && isInCidr(ip, cidrOf(leaf));
}

/**
 * One range and the ports missing from it. Only `==`, `<=` and `>=` get here: leaf.ts writes the
 * others as these.
 */
function shortenPorts(clause: Clause<BoundLeaf>): Clause<BoundLeaf> | undefined {
  let low = 0;
  let high = 65535;
  const missing = new Set<number>();
  const rest: BoundLiteral[] = [];
  for (const literal of clause) {
    const { leaf, negated } = literal;
    if (leaf.kind !== "port") rest.push(literal);
    else if (leaf.op === "==" && negated) missing.add(leaf.port);
    else {
      const isUpper = (leaf.op === "<=") !== negated;
      const beyond = negated ? (leaf.op === "<=" ? 1 : -1) : 0;
      if (leaf.op === "==" || isUpper) high = Math.min(high, leaf.port + beyond);
      if (leaf.op === "==" || !isUpper) low = Math.max(low, leaf.port + beyond);
    }
  }
  while (missing.has(low)) low += 1;
  while (missing.has(high)) high -= 1;
  return low > high ? undefined : [...rest, ...portRange(low, high, missing)];
}

function portRange(low: number, high: number, missing: ReadonlySet<number>): BoundLiteral[] {
  const literals: BoundLiteral[] = [];
  const add = (op: Test<"port">["op"], port: number, negated: boolean): void => {
    literals.push({ leaf: { kind: "port", op, port }, negated });
  };
  if (low === high) add("==", low, false);
  else {
    if (low > 0) add(">=", low, false);
    if (high < 65535) add("<=", high, false);
  }
  for (const port of [...missing].sort((a, b) => a - b))
    if (port > low && port < high) add("==", port, true);
  return literals;
}

function positive<K extends Kind>(clause: Clause<BoundLeaf>, kind: K): Test<K>[] {
  const isWanted = (leaf: BoundLeaf): leaf is Test<K> => leaf.kind === kind;
  return clause
    .filter(({ negated }) => !negated)
    .map(({ leaf }) => leaf)
    .filter(isWanted);
}
