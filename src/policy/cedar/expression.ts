// Cedar's JSON form of a policy, read into a union the compiler can switch over. Anything it does
// not know becomes `unknown`, which nothing downstream accepts, so a newer Cedar cannot slip a
// construct past the compiler.

import { type AddressTest, addressTests } from "./address.ts";

/** `json` is the node it was read from; absent for one the compiler made. */
export type Expression = Shape & { readonly json?: unknown };

type Shape =
  | { readonly kind: "value"; readonly value: boolean | number | string }
  | { readonly kind: "entity"; readonly type: string; readonly id: string }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly kind: "has"; readonly of: Expression; readonly path: readonly string[] }
  | { readonly kind: "not" | "negate"; readonly of: Expression }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: "compare";
      readonly op: CompareOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "arithmetic";
      readonly op: "+" | "-" | "*";
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "in"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "contains"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "like"; readonly of: Expression; readonly parts: readonly string[] }
  | {
      readonly kind: "is";
      readonly of: Expression;
      readonly type: string;
      readonly within: Expression | undefined;
    }
  | {
      readonly kind: "if";
      readonly test: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    }
  | { readonly kind: "ip"; readonly text: string }
  | { readonly kind: "ip-test"; readonly test: AddressTest; readonly of: Expression }
  | { readonly kind: "in-range"; readonly of: Expression; readonly range: Expression }
  | { readonly kind: "set"; readonly items: readonly Expression[] }
  | { readonly kind: "unknown" };

export type CompareOperator = "==" | "!=" | "<" | "<=" | ">" | ">=";

type Json = Readonly<Record<string, unknown>>;

const comparisons: Readonly<Record<string, CompareOperator>> = {
  "==": "==",
  "!=": "!=",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
};
const arithmetic: Readonly<Record<string, "+" | "-" | "*">> = { "+": "+", "-": "-", "*": "*" };
const unknown: Shape = { kind: "unknown" };

/** The expression a node of Cedar's JSON form stands for. */
export function readExpression(node: unknown): Expression {
  return { ...readShape(node), json: node };
}

function readShape(node: unknown): Shape {
  if (!isObject(node)) return unknown;
  const entries = Object.entries(node);
  const [operator, body] = entries[0] ?? [];
  if (operator === undefined || entries.length !== 1) return unknown;
  const op = comparisons[operator];
  if (op !== undefined) return { kind: "compare", op, ...sides(body) };
  const sum = arithmetic[operator];
  if (sum !== undefined) return { kind: "arithmetic", op: sum, ...sides(body) };
  switch (operator) {
    case "Value":
      return readValue(body);
    case "Var":
      return typeof body === "string" ? { kind: "variable", name: body } : unknown;
    case "!":
      return { kind: "not", of: argument(body) };
    case "neg":
      return { kind: "negate", of: argument(body) };
    case "&&":
      return { kind: "and", ...sides(body) };
    case "||":
      return { kind: "or", ...sides(body) };
    case "in":
      return { kind: "in", ...sides(body) };
    case "contains":
      return { kind: "contains", ...sides(body) };
    case "Set":
      return Array.isArray(body) ? { kind: "set", items: body.map(readExpression) } : unknown;
    default:
      return isObject(body) ? readNamed(operator, body) : readCall(operator, body);
  }
}

/** Functions of Cedar's ipaddr extension; the value they are called on is the first argument. */
function readCall(name: string, body: unknown): Shape {
  if (!Array.isArray(body)) return unknown;
  const [first, second, ...more] = body;
  if (more.length > 0 || (name !== "isInRange" && second !== undefined)) return unknown;
  if (name === "isInRange")
    return { kind: "in-range", of: readExpression(first), range: readExpression(second) };
  if (name === "ip") {
    const text = readExpression(first);
    const isText = text.kind === "value" && typeof text.value === "string";
    return isText ? { kind: "ip", text: String(text.value) } : unknown;
  }
  const test = addressTests.find((known) => known === name);
  return test === undefined ? unknown : { kind: "ip-test", test, of: readExpression(first) };
}

function readNamed(operator: string, body: Json): Shape {
  switch (operator) {
    case ".":
      if (typeof body.attr !== "string") return unknown;
      return { kind: "attribute", of: readExpression(body.left), name: body.attr };
    case "has": {
      const path = typeof body.attr === "string" ? [body.attr] : body.attr;
      if (!isStrings(path)) return unknown;
      return { kind: "has", of: readExpression(body.left), path };
    }
    case "like": {
      const parts = readPattern(body.pattern);
      if (parts === undefined) return unknown;
      return { kind: "like", of: readExpression(body.left), parts };
    }
    case "is":
      if (typeof body.entity_type !== "string") return unknown;
      return {
        kind: "is",
        of: readExpression(body.left),
        type: body.entity_type,
        within: body.in === undefined ? undefined : readExpression(body.in),
      };
    case "if-then-else":
      return {
        kind: "if",
        test: readExpression(body.if),
        whenTrue: readExpression(body.then),
        whenFalse: readExpression(body.else),
      };
    default:
      return unknown;
  }
}

function readValue(value: unknown): Shape {
  if (typeof value === "boolean" || typeof value === "string") return { kind: "value", value };
  // Cedar's integers have 64 bits; one that a double cannot hold would be judged by a neighbour of
  // it.
  if (typeof value === "number")
    return Number.isSafeInteger(value) ? { kind: "value", value } : unknown;
  if (Array.isArray(value)) return { kind: "set", items: value.map(readValue) };
  if (isObject(value) && "__entity" in value) return readEntity(value) ?? unknown;
  return unknown;
}

/** An entity reference, with or without the `__entity` escape. */
export function readEntity(node: unknown): Extract<Expression, { kind: "entity" }> | undefined {
  const body = isObject(node) && "__entity" in node ? node.__entity : node;
  if (!isObject(body)) return undefined;
  const { type, id } = body;
  if (typeof type !== "string" || typeof id !== "string") return undefined;
  return { kind: "entity", type, id };
}

/** The literal pieces of a `like` pattern; Cedar writes one element per literal character. */
function readPattern(elements: unknown): readonly string[] | undefined {
  if (!Array.isArray(elements)) return undefined;
  const parts = [""];
  for (const element of elements) {
    if (element === "Wildcard") parts.push("");
    else if (isObject(element) && typeof element.Literal === "string")
      parts.push(`${parts.pop() ?? ""}${element.Literal}`);
    else return undefined;
  }
  return parts;
}

function sides(body: unknown): { left: Expression; right: Expression } {
  if (!isObject(body)) return { left: unknown, right: unknown };
  return { left: readExpression(body.left), right: readExpression(body.right) };
}

function argument(body: unknown): Expression {
  return isObject(body) ? readExpression(body.arg) : unknown;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
