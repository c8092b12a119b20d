// Reads policies in the plain form the program's own texts have, without Cedar's engine, whose
// start alone takes longer than everything else a first run does. Never used for what people write:
// a text with anything else in it is none of ours, and gives undefined. Tests hold what this reads
// against what the engine reads, for every text that comes with the program.

import type { Expr, PatternElem, PolicyJson, TypeAndId } from "@cedar-policy/cedar-wasm/web";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import type { CedarPolicy } from "./parse.ts";
import { positionsIn, splitPolicies, splitTokens } from "./text.ts";

/** The policies of a text of the program, undefined when one of them is not plain. */
export function readPlainSource(source: PolicySource): readonly CedarPolicy[] | undefined {
  const policies: CedarPolicy[] = [];
  const position = positionsIn(source.text);
  for (const [index, written] of splitPolicies(source.text).entries()) {
    const json = readPlainPolicy(written.text);
    if (json === undefined) return undefined;
    const rule = json.annotations?.id ?? `${source.name}#${index + 1}`;
    const origin = { rule, source: source.name, ...position(written.offset) };
    policies.push({ written, origin, json, source, position });
  }
  return policies;
}

/** The JSON form Cedar gives a policy, undefined when the policy is not plain. */
export function readPlainPolicy(text: string): PolicyJson | undefined {
  try {
    return readPolicy(new Tokens(splitTokens(text)));
  } catch (error) {
    if (error instanceof NotPlain) return undefined;
    throw error;
  }
}

class NotPlain extends Error {}

class Tokens {
  readonly #tokens: readonly string[];
  #next = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#next === this.#tokens.length;
  }

  peek(): string {
    return this.#tokens[this.#next] ?? "";
  }

  take(): string {
    const token = this.peek();
    this.#next += 1;
    return token;
  }

  /** Takes the tokens when they are next. */
  skip(...wanted: readonly string[]): boolean {
    if (!wanted.every((token, index) => this.#tokens[this.#next + index] === token)) return false;
    this.#next += wanted.length;
    return true;
  }

  expect(...wanted: readonly string[]): void {
    if (!this.skip(...wanted)) throw new NotPlain();
  }

  text(): string {
    const token = this.take();
    if (token.length < 2 || !token.startsWith('"') || !token.endsWith('"')) throw new NotPlain();
    return token.slice(1, -1);
  }
}

function readPolicy(tokens: Tokens): PolicyJson {
  const annotations: Record<string, string> = {};
  if (tokens.skip("@", "id", "(")) {
    annotations.id = plainText(tokens.text());
    tokens.expect(")");
  }
  const effect = tokens.take();
  if (effect !== "permit" && effect !== "forbid") throw new NotPlain();
  tokens.expect("(", "principal");
  const principal: PolicyJson["principal"] = tokens.skip("==")
    ? { op: "==", entity: readEntity(tokens) }
    : { op: "All" };
  tokens.expect(",", "action");
  const action = readActions(tokens);
  tokens.expect(",", "resource");
  const resource = readResource(tokens);
  tokens.skip(",");
  tokens.expect(")");
  const conditions: PolicyJson["conditions"] = [];
  for (const kind of ["when", "unless"] as const) {
    if (!tokens.skip(kind, "{")) continue;
    conditions.push({ kind, body: readOr(tokens) });
    tokens.expect("}");
  }
  tokens.expect(";");
  if (!tokens.isAtEnd) throw new NotPlain();
  const named = Object.keys(annotations).length > 0 ? { annotations } : {};
  return { effect, principal, action, resource, conditions, ...named };
}

function readActions(tokens: Tokens): PolicyJson["action"] {
  if (tokens.skip("==")) return { op: "==", entity: readEntity(tokens) };
  if (!tokens.skip("in")) return { op: "All" };
  tokens.expect("[");
  return { op: "in", entities: readList(tokens, readEntity) };
}

function readResource(tokens: Tokens): PolicyJson["resource"] {
  if (tokens.skip("==")) return { op: "==", entity: readEntity(tokens) };
  if (tokens.skip("in")) return { op: "in", entity: readEntity(tokens) };
  return { op: "All" };
}

function readEntity(tokens: Tokens): TypeAndId {
  tokens.expect("Aegis", "::");
  const type = `Aegis::${tokens.take()}`;
  tokens.expect("::");
  return { type, id: plainText(tokens.text()) };
}

/** Items up to the closing bracket; the opening one is taken. */
function readList<T>(tokens: Tokens, read: (tokens: Tokens) => T): T[] {
  const items = [read(tokens)];
  while (tokens.skip(",")) items.push(read(tokens));
  tokens.expect("]");
  return items;
}

function readOr(tokens: Tokens): Expr {
  let left = readAnd(tokens);
  while (tokens.skip("||")) left = { "||": { left, right: readAnd(tokens) } };
  return left;
}

function readAnd(tokens: Tokens): Expr {
  let left = readTerm(tokens);
  while (tokens.skip("&&")) left = { "&&": { left, right: readTerm(tokens) } };
  return left;
}

function readTerm(tokens: Tokens): Expr {
  if (tokens.skip("!")) return { "!": { arg: readTerm(tokens) } };
  if (tokens.skip("(")) {
    const inner = readOr(tokens);
    tokens.expect(")");
    return inner;
  }
  tokens.expect("resource");
  const resource: Expr = { Var: "resource" };
  if (tokens.skip("has")) return { has: { left: resource, attr: tokens.take() } };
  if (tokens.skip("in")) return { in: { left: resource, right: readGroup(tokens) } };
  tokens.expect(".");
  const left: Expr = { ".": { left: resource, attr: tokens.take() } };
  const operator = tokens.take();
  if (operator === ".") {
    tokens.expect("isInRange", "(", "ip", "(");
    const range: Expr = { ip: [{ Value: plainText(tokens.text()) }] };
    tokens.expect(")", ")");
    return { isInRange: [left, range] };
  }
  if (operator === "like") return { like: { left, pattern: patternOf(tokens.text()) } };
  const right: Expr = { Value: readLiteral(tokens) };
  switch (operator) {
    case "==":
      return { "==": { left, right } };
    case "<":
      return { "<": { left, right } };
    case "<=":
      return { "<=": { left, right } };
    case ">":
      return { ">": { left, right } };
    case ">=":
      return { ">=": { left, right } };
    default:
      throw new NotPlain();
  }
}

function readGroup(tokens: Tokens): Expr {
  if (tokens.skip("[")) return { Set: readList(tokens, readGroup) };
  if (tokens.skip("context", "."))
    return { ".": { left: { Var: "context" }, attr: tokens.take() } };
  return { Value: { __entity: readEntity(tokens) } };
}

function readLiteral(tokens: Tokens): string | number {
  return /^[0-9]{1,5}$/.test(tokens.peek()) ? Number(tokens.take()) : plainText(tokens.text());
}

const escaped = /\\(?:u\{([0-9a-f]{1,6})\}|(.))/gsu;

function plainText(text: string): string {
  return text.replace(escaped, (_, hex: string | undefined, char: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (char !== '"' && char !== "\\") throw new NotPlain();
    return char;
  });
}

/** One element for each character, as Cedar has it. A star that is meant as one is escaped. */
function patternOf(text: string): PatternElem[] {
  return [...text.matchAll(/\\\*|\\u\{[0-9a-f]{1,6}\}|\\.|./gsu)].map(([piece]): PatternElem => {
    if (piece === "*") return "Wildcard";
    return { Literal: piece === "\\*" ? "*" : plainText(piece) };
  });
}
