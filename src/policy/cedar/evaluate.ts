// Judges a Cedar expression for one attempt, clause by clause, as Cedar's engine does: an error
// anywhere it looks makes the policy not apply. Used for permits that only decisions outside the
// kernel can honour, and to check the compiler.

import { parseIp } from "../../base/ip.ts";
import { contains } from "../../base/paths.ts";
import type { Attempt } from "../../model/attempt.ts";
import { classOf } from "../leaf.ts";
import { isLike } from "../like.ts";
import { isPlaceName, type Places } from "../places.ts";
import { type AddressValue, isWithin, passes, readAddress, sameAddress } from "./address.ts";
import type { Expression } from "./expression.ts";

type Value =
  | boolean
  | number
  | string
  | { readonly type: string; readonly id: string }
  | AddressValue
  | { readonly items: readonly Value[] };

/** Thrown inside, caught at the entry: Cedar's evaluation errors. */
class EvaluationError extends Error {}

export function isSatisfied(expression: Expression, attempt: Attempt, places: Places): boolean {
  try {
    return evaluate(expression, attempt, places) === true;
  } catch (error) {
    if (error instanceof EvaluationError) return false;
    throw error;
  }
}

function evaluate(expression: Expression, attempt: Attempt, places: Places): Value {
  const value = (part: Expression): Value => evaluate(part, attempt, places);
  const truth = (part: Expression): boolean => asBoolean(value(part));
  switch (expression.kind) {
    case "value":
      return expression.value;
    case "entity":
      return { type: expression.type, id: expression.id };
    case "variable":
      return variable(expression.name, attempt);
    case "attribute":
      return attribute(expression, attempt, places);
    case "has":
      return has(expression, attempt);
    case "not":
      return !truth(expression.of);
    case "negate":
      return exact(-asNumber(value(expression.of)));
    case "and":
      return truth(expression.left) && truth(expression.right);
    case "or":
      return truth(expression.left) || truth(expression.right);
    case "if":
      return value(truth(expression.test) ? expression.whenTrue : expression.whenFalse);
    case "compare":
      return compare(expression.op, value(expression.left), value(expression.right));
    case "arithmetic":
      return calculate(expression.op, value(expression.left), value(expression.right));
    case "in":
      return isIn(value(expression.left), value(expression.right), attempt);
    case "contains":
      return asItems(value(expression.left)).some((item) => equal(item, value(expression.right)));
    case "like":
      return isLike(expression.parts, asString(value(expression.of)));
    case "is":
      return (
        asEntity(value(expression.of)).type === expression.type &&
        (expression.within === undefined ||
          isIn(value(expression.of), value(expression.within), attempt))
      );
    case "ip": {
      const address = readAddress(expression.text);
      if (address === undefined) throw new EvaluationError("not an address");
      return address;
    }
    case "ip-test":
      return passes(expression.test, asAddress(value(expression.of)));
    case "in-range":
      return isWithin(asAddress(value(expression.of)), asAddress(value(expression.range)));
    case "set":
      return { items: expression.items.map(value) };
    case "unknown":
      throw new EvaluationError("a construct only Cedar's engine knows");
  }
}

function variable(name: string, attempt: Attempt): Value {
  switch (name) {
    case "principal":
      return { type: "Aegis::Agent", id: attempt.agent };
    case "action":
      return { type: "Aegis::Action", id: attempt.action };
    case "resource":
      return { type: "Aegis::Resource", id: attempt.resource.path };
    default:
      throw new EvaluationError(`${name} has no value of its own`);
  }
}

function attribute(
  { of, name }: Extract<Expression, { kind: "attribute" }>,
  attempt: Attempt,
  places: Places,
): Value {
  if (of.kind === "variable" && of.name === "context") {
    if (!isPlaceName(name)) throw new EvaluationError(`the context has no ${name}`);
    return { type: "Aegis::Resource", id: places[name] };
  }
  const entity = asEntity(evaluate(of, attempt, places));
  const isResource = of.kind === "variable" && of.name === "resource";
  const value = isResource ? ofResource(name, attempt) : name === "path" ? entity.id : undefined;
  if (value === undefined) throw new EvaluationError(`the resource has no ${name}`);
  return value;
}

/** An attribute of what is tried; undefined when it has none of this name. */
function ofResource(name: string, { resource }: Attempt): Value | undefined {
  const { path, host, port, protocol = "tcp" } = resource;
  switch (name) {
    case "path":
      return path;
    case "host":
      return host;
    case "port":
      return port;
    case "protocol":
      return host === undefined ? undefined : protocol;
    case "ip": {
      const ip = host === undefined ? undefined : parseIp(host);
      return ip && { ip, bits: ip.bytes.length * 8 };
    }
    default:
      return undefined;
  }
}

function has({ of, path }: Extract<Expression, { kind: "has" }>, attempt: Attempt): boolean {
  const [name = ""] = path;
  if (path.length !== 1 || of.kind !== "variable") throw new EvaluationError("a nested attribute");
  if (of.name === "context") return isPlaceName(name);
  if (of.name !== "resource") return false;
  return ofResource(name, attempt) !== undefined;
}

function compare(op: string, left: Value, right: Value): boolean {
  switch (op) {
    case "==":
      return equal(left, right);
    case "!=":
      return !equal(left, right);
    case "<":
      return asNumber(left) < asNumber(right);
    case "<=":
      return asNumber(left) <= asNumber(right);
    case ">":
      return asNumber(left) > asNumber(right);
    default:
      return asNumber(left) >= asNumber(right);
  }
}

function calculate(op: "+" | "-" | "*", left: Value, right: Value): number {
  const [a, b] = [asNumber(left), asNumber(right)];
  return exact(op === "+" ? a + b : op === "-" ? a - b : a * b);
}

/** A path lies in the folders above it when the attempt is about paths; anything lies in itself. */
function isIn(left: Value, right: Value, attempt: Attempt): boolean {
  if (typeof right === "object" && "items" in right)
    return right.items.some((item) => isIn(left, item, attempt));
  const [inner, outer] = [asEntity(left), asEntity(right)];
  if (equal(inner, outer)) return true;
  const arePaths = inner.type === "Aegis::Resource" && outer.type === "Aegis::Resource";
  return arePaths && classOf(attempt.action) === "path" && contains(outer.id, inner.id);
}

function equal(left: Value, right: Value): boolean {
  if (typeof left !== "object" || typeof right !== "object") return left === right;
  if ("items" in left || "items" in right) throw new EvaluationError("sets are not compared");
  if ("ip" in left || "ip" in right)
    return "ip" in left && "ip" in right && sameAddress(left, right);
  return left.type === right.type && left.id === right.id;
}

/** Beyond this, a double is no integer any more. */
function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw new EvaluationError("a number out of range");
  return value;
}

function asBoolean(value: Value): boolean {
  if (typeof value === "boolean") return value;
  throw new EvaluationError("not a boolean");
}

function asNumber(value: Value): number {
  if (typeof value === "number") return value;
  throw new EvaluationError("not a number");
}

function asString(value: Value): string {
  if (typeof value === "string") return value;
  throw new EvaluationError("not a text");
}

function asEntity(value: Value): { readonly type: string; readonly id: string } {
  if (typeof value === "object" && "id" in value) return value;
  throw new EvaluationError("not an entity");
}

function asAddress(value: Value): AddressValue {
  if (typeof value === "object" && "ip" in value) return value;
  throw new EvaluationError("not an address");
}

function asItems(value: Value): readonly Value[] {
  if (typeof value === "object" && "items" in value) return value.items;
  throw new EvaluationError("not a set");
}
