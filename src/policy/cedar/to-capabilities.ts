// One Cedar policy to capabilities: its tests in normal form, for each kind of action it is about.
// A clause that is no test on an attempt is an error with its place, because leaving it out of a
// permit would grant more and out of a forbid hold less.

import type { Expr, PolicyJson } from "@cedar-policy/cedar-wasm/web";
import {
  type Action,
  type Atom,
  actions,
  type Capability,
  type Origin,
} from "../../model/capability.ts";
import { clauseRules } from "../clause.ts";
import type { DecisionPermit } from "../decision-permit.ts";
import { type Diagnostic, errorAt, warningAt } from "../diagnostic.ts";
import { type Clause, type Formula, normalForm } from "../formula.ts";
import { asksAction, type BoundLeaf, classOf, formulaFor, judgedAs, type Leaf } from "../leaf.ts";
import type { RealPath } from "../links.ts";
import type { Places } from "../places.ts";
import { isSatisfied } from "./evaluate.ts";
import { type Expression, readEntity, readExpression } from "./expression.ts";
import type { CedarPolicy } from "./parse.ts";
import type { Reading } from "./reading.ts";
import { findClause } from "./text.ts";
import { toFormula } from "./to-formula.ts";
import type { Cedar } from "./wasm.ts";

export interface LoweringOptions {
  readonly places: Places;
  readonly linkTarget: RealPath;
  /** Keep permits with clauses only an evaluator can judge, for decisions outside the kernel. */
  readonly decisionOnly: boolean;
  /** The text comes with the program, or was made by it. */
  readonly isOwn: boolean;
}

export interface LoweredPolicy {
  readonly capabilities: readonly Capability[];
  readonly decisionPermits: readonly DecisionPermit[];
  readonly diagnostics: readonly Diagnostic[];
}

type Refusal = "too-many" | readonly Expression[];

/** @param cedar prints clauses for diagnostics; a policy of the program itself needs none */
export function lowerPolicy(
  cedar: Cedar | undefined,
  policy: CedarPolicy,
  options: LoweringOptions,
): LoweredPolicy {
  const { origin, json } = policy;
  const scope = scopedActions(json);
  const reading: Reading = {
    places: options.places,
    linkTarget: options.linkTarget,
    effect: json.effect,
    judgesPaths: scope.some((action) => classOf(action) === "path"),
    judgesHosts: scope.some((action) => classOf(action) === "endpoint"),
    isOwn: options.isOwn,
    opaque: [],
    problems: [],
    doubts: [],
  };
  const formula = toFormula(conjunction(conditionsOf(json)), reading);
  const problems = reading.problems.map(({ message, hint }) => errorAt(origin, message, hint));
  if (problems.length > 0) return refused(problems);
  const { rules, refusals } = rulesFor(formula, scope, reading.opaque);
  if (refusals.length > 0 && !(options.decisionOnly && json.effect === "permit"))
    return refused(refusals.flatMap((refusal) => describe(cedar, policy, refusal)));
  const decisionPermits =
    refusals.length === 0 ? [] : [decisionPermit(policy, scope, options.places)];
  const capabilities = group(rules).map(
    ({ actions, agent, where }): Capability => ({
      effect: json.effect,
      actions,
      agent,
      where,
      origin,
    }),
  );
  const isNever = capabilities.length === 0 && decisionPermits.length === 0;
  const doubts = reading.doubts.map(({ message, hint }) => warningAt(origin, message, hint));
  return {
    capabilities,
    decisionPermits,
    diagnostics: isNever ? [neverMatches(json.effect, origin)] : doubts,
  };
}

function decisionPermit(
  { origin, json }: CedarPolicy,
  scope: readonly Action[],
  places: Places,
): DecisionPermit {
  const condition = policyCondition(json);
  return {
    origin,
    actions: actions.filter((action) => isJudged(action, scope)),
    covers: (attempt) =>
      judgedAs(attempt.action).some((action) =>
        isSatisfied(condition, { ...attempt, action }, places),
      ),
  };
}

function refused(diagnostics: readonly Diagnostic[]): LoweredPolicy {
  return { capabilities: [], decisionPermits: [], diagnostics };
}

/** A forbid that forbids nothing was meant to forbid something. */
function neverMatches(effect: PolicyJson["effect"], origin: Origin): Diagnostic {
  const message = "Policy can never match any attempt";
  const hint = "correct its conditions, or remove it";
  return effect === "forbid" ? errorAt(origin, message, hint) : warningAt(origin, message, hint);
}

/** What a policy asks for beside the actions in its scope, those being what it is lowered for. */
function conditionsOf(json: PolicyJson): readonly Expression[] {
  const conditions = json.conditions.map(({ kind, body }): Expression => {
    const expression = readExpression(body);
    return kind === "when" ? expression : { kind: "not", of: expression };
  });
  const who = scopeExpression("principal", json.principal);
  return [who, scopeExpression("resource", json.resource), ...conditions];
}

/** The whole of what a policy asks for, as one expression. */
export function policyCondition(json: PolicyJson): Expression {
  return conjunction([scopeExpression("action", json.action), ...conditionsOf(json)]);
}

function conjunction(parts: readonly Expression[]): Expression {
  return parts.reduce((left, right) => ({ kind: "and", left, right }));
}

function scopeExpression(
  name: "principal" | "action" | "resource",
  constraint: PolicyJson["principal"] | PolicyJson["action"] | PolicyJson["resource"],
): Expression {
  const subject: Expression = { kind: "variable", name };
  switch (constraint.op) {
    case "All":
      return { kind: "value", value: true };
    case "==":
      return { kind: "compare", op: "==", left: subject, right: entityIn(constraint) };
    case "in":
      return { kind: "in", left: subject, right: entityIn(constraint) };
    case "is": {
      const within = constraint.in === undefined ? undefined : entityIn(constraint.in);
      return { kind: "is", of: subject, type: constraint.entity_type, within };
    }
  }
}

function entityIn(constraint: object): Expression {
  if ("entities" in constraint && Array.isArray(constraint.entities))
    return { kind: "set", items: constraint.entities.map(entityOrUnknown) };
  return entityOrUnknown("entity" in constraint ? constraint.entity : undefined);
}

function entityOrUnknown(node: unknown): Expression {
  return readEntity(node) ?? { kind: "unknown" };
}

/** The actions the scope names, so that literals are only read as what those actions are about. */
function scopedActions(json: PolicyJson): readonly Action[] {
  const constraint = entityIn(json.action);
  if (json.action.op === "All") return actions;
  const named = constraint.kind === "set" ? constraint.items : [constraint];
  const ids = named.map((entity) => (entity.kind === "entity" ? entity.id : ""));
  return actions.filter((action) => ids.includes(action));
}

interface Rule {
  readonly action: Action;
  readonly clauses: readonly Clause<BoundLeaf>[];
}

function rulesFor(
  formula: Formula<Leaf>,
  scope: readonly Action[],
  opaque: readonly Expression[],
): { rules: readonly Rule[]; refusals: readonly Refusal[] } {
  const known = new Map<string, readonly Clause<BoundLeaf>[] | undefined>();
  const refusals = new Map<string, Refusal>();
  const clausesFor = (action: Action): readonly Clause<BoundLeaf>[] => {
    const isAlone = asksAction(formula) || action === "NetRequest";
    const key = isAlone ? action : classOf(action);
    if (!known.has(key))
      known.set(key, normalForm(formulaFor(formula, action, scope), clauseRules));
    const clauses = known.get(key);
    if (clauses === undefined) refusals.set("too-many", "too-many");
    return clauses ?? [];
  };
  const rules = actions
    .filter((action) => isJudged(action, scope))
    .map((action) => ({
      action,
      clauses: clausesFor(action).filter((clause) => {
        const reasons = refusalsOf(clause, opaque);
        for (const [name, expressions] of reasons) refusals.set(name, expressions);
        return reasons.length === 0;
      }),
    }));
  return { rules, refusals: [...refusals.values()] };
}

/** Why a clause is no capability, by a name that is the same for the same reason. */
function refusalsOf(
  clause: Clause<BoundLeaf>,
  opaque: readonly Expression[],
): [string, readonly Expression[]][] {
  return clause.flatMap(({ leaf: test, negated }): [string, readonly Expression[]][] => {
    if (test.kind === "opaque") {
      const expression = opaque[test.clause];
      return [[`clause ${test.clause}`, expression === undefined ? [] : [expression]]];
    }
    // "Every agent but one" is no capability: those are for one agent or for all.
    if (test.kind !== "agent" || !negated) return [];
    return [[`agent ${test.agent}`, [agentIsNot(test.agent)]]];
  });
}

function agentIsNot(id: string): Expression {
  const right = { Value: { __entity: { type: "Aegis::Agent", id } } };
  return { kind: "unknown", json: { "!=": { left: { Var: "principal" }, right } } };
}

/** One error for each clause, at the clause where it can be found in the text. */
function describe(cedar: Cedar | undefined, policy: CedarPolicy, refusal: Refusal): Diagnostic[] {
  const { origin, written, position } = policy;
  if (refusal === "too-many")
    return [
      errorAt(
        origin,
        `Policy "${origin.rule}" has more than ${clauseRules.clausesMax} alternatives`,
        "split it into several policies",
      ),
    ];
  return refusal.map((expression) => {
    const clause = clauseText(cedar, expression);
    const offset = clause === "" ? undefined : findClause(written.text, clause);
    const place = offset === undefined ? {} : position(written.offset + offset);
    return errorAt(
      { ...origin, ...place },
      `Policy "${origin.rule}" has a clause the kernel cannot enforce: ${clause || "not readable"}`,
      "compare resource.path, host, port, ip and protocol with literals, principal and action with ==",
    );
  });
}

/** The clause as Cedar writes it, empty when it cannot. */
function clauseText(cedar: Cedar | undefined, expression: Expression): string {
  const everything = { op: "All" } as const;
  const answer = cedar?.policyToText({
    effect: "permit",
    principal: everything,
    action: everything,
    resource: everything,
    conditions: [{ kind: "when", body: expression.json as Expr }],
  });
  if (answer?.type !== "success") return "";
  return /when \{\s*([\s\S]*?)\s*\};\s*$/.exec(answer.text)?.[1] ?? "";
}

function isJudged(action: Action, scope: readonly Action[]): boolean {
  return judgedAs(action).some((name) => scope.includes(name));
}

interface Grouped {
  readonly actions: readonly Action[];
  readonly agent: string | undefined;
  readonly where: readonly Atom[];
}

/** Actions with the same clauses share their capabilities. */
function group(rules: readonly Rule[]): readonly Grouped[] {
  const groups = new Map<string, { actions: Action[]; rule: Rule }>();
  for (const rule of rules) {
    const key = JSON.stringify(rule.clauses);
    const found = groups.get(key);
    if (found === undefined) groups.set(key, { actions: [rule.action], rule });
    else found.actions.push(rule.action);
  }
  return [...groups.values()].flatMap(({ actions: shared, rule }) =>
    rule.clauses.map((clause) => ({
      actions: shared,
      agent: clause.flatMap(({ leaf: test }) => (test.kind === "agent" ? [test.agent] : []))[0],
      where: clause.flatMap(atomOf),
    })),
  );
}

function atomOf({ leaf: test, negated }: Clause<BoundLeaf>[number]): Atom[] {
  if (test.kind === "agent" || test.kind === "opaque") return [];
  return [{ ...test, negated }];
}
