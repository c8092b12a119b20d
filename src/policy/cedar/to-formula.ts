// The meaning of a Cedar expression as tests on an attempt. What is outside the tests an attempt
// can be put to is kept as an opaque clause for the caller to refuse by name; it is never dropped.

import { formatCidr, parseCidr } from "../../base/ip.ts";
import { type Action, actions } from "../../model/capability.ts";
import { all, any, choose, constant, leaf, not } from "../formula.ts";
import type { Leaf, PortOperator } from "../leaf.ts";
import { isLike, simplifyParts } from "../like.ts";
import { withLink } from "../links.ts";
import {
  bindPath,
  bindPattern,
  isPlaceName,
  type PathProblem,
  starProblem,
  strayingLink,
} from "../places.ts";
import { isSingle, readAddress, sameAddress } from "./address.ts";
import {
  addressTest,
  checkCase,
  checkHost,
  checkProtocol,
  everyAddress,
  hostLike,
  inAnyRange,
  inRange,
  protocolTest,
  rangeTest,
} from "./endpoint-tests.ts";
import type { CompareOperator, Expression } from "./expression.ts";
import type { Reading, Subject, Tests } from "./reading.ts";

export function toFormula(expression: Expression, reading: Reading): Tests {
  switch (expression.kind) {
    case "value":
      return typeof expression.value === "boolean"
        ? constant(expression.value)
        : opaque(expression, reading);
    case "not":
      return not(toFormula(expression.of, reading));
    case "and":
      return all(toFormula(expression.left, reading), toFormula(expression.right, reading));
    case "or":
      return any(toFormula(expression.left, reading), toFormula(expression.right, reading));
    case "if": {
      const test = toFormula(expression.test, reading);
      const whenTrue = toFormula(expression.whenTrue, reading);
      return choose(test, whenTrue, toFormula(expression.whenFalse, reading));
    }
    default:
      return testOf(expression, reading) ?? opaque(expression, reading);
  }
}

/** Remembers a clause nothing but an evaluator can judge. */
function opaque(expression: Expression, reading: Reading): Tests {
  reading.opaque.push(expression);
  return leaf({ kind: "opaque", clause: reading.opaque.length - 1 });
}

function testOf(expression: Expression, reading: Reading): Tests | undefined {
  switch (expression.kind) {
    case "compare":
      return compareTest(expression.op, expression.left, expression.right, reading);
    case "in":
      return inTest(expression.left, expression.right, reading);
    case "contains": {
      if (expression.left.kind !== "set") return undefined;
      const tests = expression.left.items.map((item) =>
        compareTest("==", expression.right, item, reading),
      );
      return anyOf(tests);
    }
    case "like": {
      const subject = subjectOf(expression.of, reading);
      if (subject?.kind === "path") return pathLike(expression.parts, reading);
      if (subject?.kind === "host") return hostLike(expression.parts, reading);
      if (subject?.kind === "protocol")
        return protocolTest((name) => isLike(expression.parts, name));
      return undefined;
    }
    case "ip-test":
      return addressTest(expression.test, subjectOf(expression.of, reading));
    case "in-range":
      return rangeTest(subjectOf(expression.of, reading), subjectOf(expression.range, reading));
    case "is":
      return isTest(expression, reading);
    case "has":
      return hasTest(expression);
    default:
      return undefined;
  }
}

function compareTest(
  op: CompareOperator,
  left: Expression,
  right: Expression,
  reading: Reading,
): Tests | undefined {
  if (op === "!=") {
    const equal = compareTest("==", left, right, reading);
    return equal === undefined ? undefined : not(equal);
  }
  const [a, b] = [subjectOf(left, reading), subjectOf(right, reading)];
  if (a === undefined || b === undefined) return undefined;
  return isConstant(a) && !isConstant(b)
    ? subjectTest(flipped[op], b, a, reading)
    : subjectTest(op, a, b, reading);
}

const flipped: Readonly<Record<PortOperator, PortOperator>> = {
  "==": "==",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

function subjectTest(
  op: PortOperator,
  subject: Subject,
  to: Subject,
  reading: Reading,
): Tests | undefined {
  if (subject.kind === "port" && to.kind === "literal" && typeof to.value === "number")
    return leaf({ kind: "port", op, port: to.value });
  if (op !== "==") return undefined;
  if (isOfAnotherType(subject, to)) return constant(false);
  switch (subject.kind) {
    case "resource":
      if (to.kind === "entity") return pathTest("path-equals", to.id, reading);
      return to.kind === "place" ? leaf({ kind: "path-equals", path: to.path }) : undefined;
    case "path":
      if (to.kind === "place-path") return leaf({ kind: "path-equals", path: to.path });
      if (to.kind !== "literal" || typeof to.value !== "string") return undefined;
      return pathTest("path-equals", to.value, reading);
    case "host":
      if (to.kind !== "literal" || typeof to.value !== "string") return undefined;
      checkHost(to.value, reading);
      return leaf({ kind: "host-equals", host: to.value });
    case "ip":
      if (to.kind !== "address") return undefined;
      return isSingle(to.value) ? inRange(to.value) : constant(false);
    case "address":
      return to.kind === "address" ? constant(sameAddress(subject.value, to.value)) : undefined;
    case "protocol":
      if (to.kind !== "literal" || typeof to.value !== "string") return undefined;
      checkProtocol(to.value, reading);
      return protocolTest((name) => name === to.value);
    case "principal":
      return to.kind === "entity" ? leaf({ kind: "agent", agent: to.id }) : undefined;
    case "action":
      return to.kind === "entity" ? actionTest(to.id) : undefined;
    case "literal":
      return to.kind === "literal" ? constant(subject.value === to.value) : undefined;
    default:
      return undefined;
  }
}

function inTest(left: Expression, right: Expression, reading: Reading): Tests | undefined {
  if (right.kind === "set") return anyOf(right.items.map((item) => inTest(left, item, reading)));
  const subject = subjectOf(left, reading);
  const group = subjectOf(right, reading);
  if (subject === undefined || group === undefined) return undefined;
  // Only resources lie in one another; for agents and actions `in` says no more than `==`.
  if (subject.kind !== "resource") return subjectTest("==", subject, group, reading);
  if (isOfAnotherType(subject, group)) return constant(false);
  if (group.kind === "entity") return pathTest("path-in", group.id, reading);
  return group.kind === "place" ? leaf({ kind: "path-in", path: group.path }) : undefined;
}

/** An entity is never equal to one of another type, nor in it. */
function isOfAnotherType(subject: Subject, to: Subject): boolean {
  if (to.kind === "place") return subject.kind === "principal" || subject.kind === "action";
  if (to.kind !== "entity") return false;
  switch (subject.kind) {
    case "resource":
      return to.type !== "Aegis::Resource";
    case "principal":
      return to.type !== "Aegis::Agent";
    case "action":
      return to.type !== "Aegis::Action";
    default:
      return false;
  }
}

function isTest(
  { of, type, within }: Extract<Expression, { kind: "is" }>,
  reading: Reading,
): Tests | undefined {
  const subject = subjectOf(of, reading);
  const own = subject?.kind === "principal" ? "Aegis::Agent" : "Aegis::Resource";
  if (subject?.kind !== "principal" && subject?.kind !== "resource") return undefined;
  if (type !== own) return constant(false);
  return within === undefined ? constant(true) : inTest(of, within, reading);
}

function hasTest({ of, path }: Extract<Expression, { kind: "has" }>): Tests | undefined {
  const [name, ...deeper] = path;
  if (of.kind !== "variable" || name === undefined || deeper.length > 0) return undefined;
  if (of.name === "context") return constant(isPlaceName(name));
  if (of.name !== "resource") return constant(false);
  if (name === "ip") return inAnyRange(everyAddress);
  if (name === "host" || name === "port" || name === "protocol")
    return leaf({ kind: "has-endpoint" });
  return constant(name === "path");
}

function pathTest(kind: "path-in" | "path-equals", literal: string, reading: Reading): Tests {
  if (!reading.judgesPaths) {
    checkHost(literal, reading);
    return leaf({ kind, path: literal });
  }
  const starred = reading.isOwn ? undefined : starProblem(literal);
  if (starred !== undefined && reading.effect === "forbid") {
    reading.problems.push(starred);
    return constant(false);
  }
  if (starred !== undefined && /\/\*+$/.test(literal)) reading.doubts.push(starred);
  const bound = bindPath(literal, reading.places);
  if (!bound.ok) {
    reading.problems.push(bound.error);
    return constant(false);
  }
  const flaw = straying(bound.value, reading);
  if (flaw !== undefined) reading.problems.push(flaw);
  const paths = withLink(bound.value, reading.linkTarget);
  return any(...paths.map((path) => leaf<Leaf>({ kind, path })));
}

/** Forbids follow a link wherever it leads; permits must not be led astray by whoever made it. */
function straying(path: string, reading: Reading): PathProblem | undefined {
  const { effect, places, linkTarget, isOwn } = reading;
  const flaw = effect === "permit" ? strayingLink(path, places, linkTarget) : undefined;
  if (flaw === undefined || !isOwn) return flaw;
  return {
    message: `"${places.workspace}" cannot be the workspace: ${flaw.message}`,
    hint: "work in a folder of your own, named by --dir",
  };
}

function pathLike(literal: readonly string[], reading: Reading): Tests {
  const parts = simplifyParts(literal);
  if (!reading.judgesPaths) {
    checkCase(parts.join("*"), reading);
    return likeLeaf(parts);
  }
  const bound = bindPattern(parts, reading.places);
  if (!bound.ok) {
    reading.problems.push(bound.error);
    return constant(false);
  }
  return any(likeLeaf(bound.value), ...linkedPattern(bound.value, reading));
}

/** The pattern below what its leading folder is a link to. */
function linkedPattern(parts: readonly string[], reading: Reading): Tests[] {
  const [first = "", ...rest] = parts;
  const cut = first.lastIndexOf("/");
  const folder = first.slice(0, cut);
  const target = cut <= 0 ? undefined : reading.linkTarget(folder);
  if (target === undefined) return [];
  const flaw = straying(folder, reading);
  if (flaw !== undefined) reading.problems.push(flaw);
  return [likeLeaf([`${target === "/" ? "" : target}${first.slice(cut)}`, ...rest])];
}

function likeLeaf(parts: readonly string[]): Tests {
  const [only = ""] = parts;
  return parts.length === 1
    ? leaf({ kind: "path-equals", path: only })
    : leaf({ kind: "path-like", parts });
}

function actionTest(id: string): Tests {
  const action = actions.find((name): name is Action => name === id);
  return action === undefined ? constant(false) : leaf({ kind: "action", actions: [action] });
}

function subjectOf(expression: Expression, reading: Reading): Subject | undefined {
  switch (expression.kind) {
    case "value":
      return { kind: "literal", value: expression.value };
    case "entity":
      return expression;
    case "ip":
      return addressOf(expression.text, reading);
    case "variable":
      return variable(expression.name);
    case "attribute": {
      const { of, name } = expression;
      if (of.kind === "variable" && of.name === "resource") return attribute(name);
      if (of.kind === "variable" && of.name === "context")
        return isPlaceName(name) ? { kind: "place", path: reading.places[name] } : undefined;
      const place = subjectOf(of, reading);
      const isPath = place?.kind === "place" && name === "path";
      return isPath ? { kind: "place-path", path: place.path } : undefined;
    }
    default:
      return undefined;
  }
}

function addressOf(text: string, { problems }: Reading): Subject | undefined {
  const value = readAddress(text);
  if (value !== undefined) return { kind: "address", value };
  const range = parseCidr(text);
  const message = `Address "${text}" can never match: IPv4 inside IPv6 is compared as IPv4`;
  if (range !== undefined) problems.push({ message, hint: `write "${formatCidr(range)}"` });
  return undefined;
}

function variable(name: string): Subject | undefined {
  if (name === "resource" || name === "principal" || name === "action") return { kind: name };
  return undefined;
}

function attribute(name: string): Subject | undefined {
  switch (name) {
    case "path":
    case "host":
    case "port":
    case "ip":
    case "protocol":
      return { kind: name };
    default:
      return undefined;
  }
}

function isConstant({ kind }: Subject): boolean {
  return (
    kind === "literal" ||
    kind === "address" ||
    kind === "entity" ||
    kind === "place" ||
    kind === "place-path"
  );
}

function anyOf(tests: readonly (Tests | undefined)[]): Tests | undefined {
  const known = tests.filter((test) => test !== undefined);
  return known.length === tests.length ? any(...known) : undefined;
}
