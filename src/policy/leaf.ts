// The tests a policy can put to an attempt, and what they mean for each kind of action: a host lies
// in no folder, a file has no port. After this step only atoms are left, which is what the kernels
// and decide() understand.

import { type Action, type Atom, type Protocol, pathActions } from "../model/capability.ts";
import { any, constant, type Formula, leaf, mapLeaves } from "./formula.ts";

export type PortOperator = "==" | "<" | "<=" | ">" | ">=";

/** One test before it is known which action is tried. */
export type Leaf =
  | { readonly kind: "path-in" | "path-equals"; readonly path: string }
  | { readonly kind: "path-like"; readonly parts: readonly string[] }
  | { readonly kind: "host-equals"; readonly host: string }
  | { readonly kind: "host-like"; readonly parts: readonly string[] }
  | { readonly kind: "host-cidr"; readonly address: string; readonly bits: number }
  | { readonly kind: "protocol"; readonly protocol: Protocol }
  | { readonly kind: "port"; readonly op: PortOperator; readonly port: number }
  | { readonly kind: "has-endpoint" }
  | { readonly kind: "action"; readonly actions: readonly Action[] }
  | { readonly kind: "agent"; readonly agent: string }
  | { readonly kind: "opaque"; readonly clause: number };

type WithoutSign<T> = T extends unknown ? Omit<T, "negated"> : never;
export type AtomLeaf = WithoutSign<Atom>;
/**
 * What is left once the action is known. An opaque leaf is a clause nothing but an evaluator can
 * judge.
 */
export type BoundLeaf =
  | AtomLeaf
  | { readonly kind: "agent"; readonly agent: string }
  | { readonly kind: "opaque"; readonly clause: number };

/**
 * `path`: a path of the file system; `endpoint`: host and port; `name`: anything else, judged by
 * its name alone.
 */
export type ActionClass = "path" | "endpoint" | "name";

const endpointActions: readonly Action[] = ["NetConnect", "NetBind", "NetRequest"];

export function classOf(action: Action): ActionClass {
  if ((pathActions as readonly Action[]).includes(action)) return "path";
  return endpointActions.includes(action) ? "endpoint" : "name";
}

/** True when one of the tests asks which action is tried. */
export function asksAction(formula: Formula<Leaf>): boolean {
  if (formula.kind === "leaf") return formula.leaf.kind === "action";
  if (formula.kind === "const") return false;
  return formula.kind === "not" ? asksAction(formula.of) : formula.of.some(asksAction);
}

/**
 * The actions whose rules judge an attempt. A rule about NetConnect is a rule about NetRequest: a
 * request is judged by whatever would judge the connection it makes, and by rules that name it on
 * top.
 */
export function judgedAs(action: Action): readonly Action[] {
  return action === "NetRequest" ? ["NetRequest", "NetConnect"] : [action];
}

/** What a rule for the actions in `scope` asks of an attempt with this action. */
export function formulaFor(
  formula: Formula<Leaf>,
  action: Action,
  scope: readonly Action[],
): Formula<BoundLeaf> {
  const asked = judgedAs(action).filter((name) => scope.includes(name));
  return any(...asked.map((name) => bindAction(formula, name)));
}

function bindAction(formula: Formula<Leaf>, action: Action): Formula<BoundLeaf> {
  const kind = classOf(action);
  return mapLeaves(formula, (test): Formula<BoundLeaf> => {
    switch (test.kind) {
      case "action":
        return constant(test.actions.includes(action));
      case "agent":
      case "opaque":
        return leaf(test);
      case "has-endpoint":
        return constant(kind === "endpoint");
      case "host-equals":
      case "host-like":
      case "host-cidr":
      case "protocol":
        return kind === "endpoint" ? leaf(test) : constant(false);
      case "port":
        return kind === "endpoint" ? portFormula(test.op, test.port) : constant(false);
      default:
        return pathFormula(test, kind);
    }
  });
}

function pathFormula(
  test: Extract<Leaf, { kind: "path-in" | "path-equals" | "path-like" }>,
  kind: ActionClass,
): Formula<BoundLeaf> {
  if (kind === "path") {
    if (test.kind === "path-in" && test.path === "/") return constant(true);
    if (test.kind === "path-like" && isEverything(test.parts)) return constant(true);
    return leaf(test);
  }
  if (test.kind === "path-like") {
    if (isEverything(test.parts)) return constant(true);
    if (kind === "name") return leaf(test);
    return test.parts.every(isHostText)
      ? leaf({ kind: "host-like", parts: test.parts })
      : constant(false);
  }
  // Outside the file system nothing lies in anything else.
  if (kind === "name") return leaf({ kind: "path-equals", path: test.path });
  return isHostText(test.path) ? leaf({ kind: "host-equals", host: test.path }) : constant(false);
}

/** Whether a host could have the text in it: hosts are names or addresses in lower case. */
function isHostText(text: string): boolean {
  return !/[\s/\0A-Z]/.test(text);
}

function portFormula(op: PortOperator, port: number): Formula<BoundLeaf> {
  switch (op) {
    case "==":
      return port >= 0 && port <= 65535 ? leaf({ kind: "port", op, port }) : constant(false);
    case "<":
      return portFormula("<=", port - 1);
    case ">":
      return portFormula(">=", port + 1);
    case "<=":
      if (port < 0 || port >= 65535) return constant(port >= 0);
      return leaf({ kind: "port", op, port });
    case ">=":
      if (port <= 0 || port > 65535) return constant(port <= 0);
      return leaf({ kind: "port", op, port });
  }
}

function isEverything(parts: readonly string[]): boolean {
  return parts.length === 2 && parts.every((part) => part === "");
}
