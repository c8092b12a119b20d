// Cedar text to policies with ids and positions, checked against the schema. All problems of all
// files come at once. The text is whatever a person, or whoever can write to their policy folder,
// put there.

import type { DetailedError, PolicyJson, ValidationError } from "@cedar-policy/cedar-wasm/web";
import schema from "../../../policies/cedar/aegis.cedarschema" with { type: "text" };
import { ruleIdMaxLength } from "../../base/limits.ts";
import { nearest } from "../../base/nearest.ts";
import { actions, type Origin } from "../../model/capability.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import { type Diagnostic, errorAt, warningAt } from "../diagnostic.ts";
import {
  excessOf,
  offsetOfByte,
  type PolicyText,
  type Position,
  positionsIn,
  splitPolicies,
} from "./text.ts";
import type { Cedar } from "./wasm.ts";

/** Ids end up in terminals and in every row of the ledger, so they are plain and short. */
const plainId = /^[\p{L}\p{N}\p{P}\p{S} ]+$/u;

export interface CedarPolicy {
  readonly source: PolicySource;
  readonly written: PolicyText;
  readonly origin: Origin;
  readonly json: PolicyJson;
  /** Of a character of the source. */
  readonly position: (offset: number) => Position;
}

export interface ParsedPolicies {
  /** Those that parse and pass the schema. */
  readonly policies: readonly CedarPolicy[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The schema policies are written against. */
export const cedarSchema: string = schema;

export function parsePolicies(cedar: Cedar, sources: readonly PolicySource[]): ParsedPolicies {
  const diagnostics: Diagnostic[] = [];
  const parsed = sources.flatMap((source) => {
    const position = positionsIn(source.text);
    const policies = splitPolicies(source.text).flatMap((written, index) => {
      const place = { source, written, position, number: index + 1 };
      const policy = parseOne(cedar, place, diagnostics);
      return policy === undefined ? [] : [policy];
    });
    diagnostics.push(...repeatedIds(policies));
    return policies;
  });
  const broken = validate(cedar, parsed, diagnostics);
  return { policies: parsed.filter((policy) => !broken.has(policy)), diagnostics };
}

function parseOne(
  cedar: Cedar,
  place: Pick<CedarPolicy, "source" | "written" | "position"> & { readonly number: number },
  diagnostics: Diagnostic[],
): CedarPolicy | undefined {
  const { source, written, position, number } = place;
  const fallback = `${source.name}#${number}`;
  const at = (byte: number, rule: string): Origin => ({
    rule,
    source: source.name,
    ...position(written.offset + offsetOfByte(written.text, byte)),
  });
  const excess = excessOf(written.text);
  if (excess !== undefined) {
    const isText = written.text.isWellFormed();
    const hint = isText ? "split it into several policies, or list paths in one set" : "";
    diagnostics.push(errorAt(at(0, fallback), `Policy ${excess}`, hint));
    return undefined;
  }
  const answer = cedar.policyToJson(written.text);
  if (answer.type === "failure") {
    for (const error of answer.errors) {
      const start = error.sourceLocations?.[0]?.start ?? 0;
      diagnostics.push(errorAt(at(start, ""), messageOf(error), parseHint(error)));
    }
    return undefined;
  }
  const named = answer.json.annotations?.id ?? "";
  const origin = at(0, named === "" ? fallback : named);
  if (named !== "" && (named.length > ruleIdMaxLength || !plainId.test(named))) {
    const most = `${ruleIdMaxLength} characters`;
    const message = `Policy id is longer than ${most} or has control characters`;
    diagnostics.push(errorAt(at(0, fallback), message));
    return undefined;
  }
  return { source, written, origin, json: answer.json, position };
}

/** Two rules with one name could not be told apart in the ledger. */
function repeatedIds(policies: readonly CedarPolicy[]): Diagnostic[] {
  const seen = new Map<string, Origin>();
  return policies.flatMap(({ origin }) => {
    const first = seen.get(origin.rule);
    seen.set(origin.rule, first ?? origin);
    if (first === undefined) return [];
    return [errorAt(origin, `Policy id "${origin.rule}" is taken by line ${first.line}`)];
  });
}

/** @returns the policies the schema does not allow */
function validate(
  cedar: Cedar,
  policies: readonly CedarPolicy[],
  diagnostics: Diagnostic[],
): ReadonlySet<CedarPolicy> {
  const broken = new Set<CedarPolicy>();
  if (policies.length === 0) return broken;
  // Numbers, because two sources may use one id; the messages get the real ones back.
  const staticPolicies = Object.fromEntries(
    policies.map(({ written }, index) => [String(index), written.text]),
  );
  const answer = cedar.validate({
    schema: cedarSchema,
    policies: { staticPolicies },
    validationSettings: { mode: "strict" },
  });
  if (answer.type === "failure")
    throw new Error(`broken invariant: Cedar cannot validate: ${answer.errors[0]?.message}`);
  for (const { policyId, error } of inFixedOrder(answer.validationErrors)) {
    const policy = policyAt(policies, policyId);
    broken.add(policy);
    diagnostics.push(errorAt(originOf(policy, error), validationMessage(error), hintOf(error)));
  }
  for (const { policyId, error } of inFixedOrder(answer.validationWarnings)) {
    const policy = policyAt(policies, policyId);
    // "Impossible" is told by the compiler, which knows more of it.
    if (broken.has(policy) || /policy is impossible|applicable action/.test(error.message))
      continue;
    diagnostics.push(warningAt(originOf(policy, error), validationMessage(error), hintOf(error)));
  }
  return broken;
}

/** The engine reports what it finds at one place in an order that changes from run to run. */
function inFixedOrder(found: readonly ValidationError[]): readonly ValidationError[] {
  return [...found].sort((a, b) => (a.error.message < b.error.message ? -1 : 1));
}

function policyAt(policies: readonly CedarPolicy[], id: string): CedarPolicy {
  const policy = policies[Number(id)];
  if (policy === undefined) throw new Error(`broken invariant: Cedar names a policy "${id}"`);
  return policy;
}

function originOf(policy: CedarPolicy, error: DetailedError): Origin {
  const { written, origin, position } = policy;
  const start = offsetOfByte(written.text, error.sourceLocations?.[0]?.start ?? 0);
  return { ...origin, ...position(written.offset + start) };
}

/** The engine's sentence and what it expected, without the part that names the policy. */
function messageOf(error: DetailedError): string {
  const label = error.sourceLocations?.[0]?.label;
  const sentence = error.message.replace(/^failed to parse policy from string: /, "");
  const text = sentence.charAt(0).toUpperCase() + sentence.slice(1);
  return label === null || label === undefined ? text : `${text}: ${label}`;
}

function validationMessage(error: DetailedError): string {
  return messageOf({ ...error, message: error.message.replace(/^for policy `\d+`, /, "") });
}

/** In the head of a policy the engine takes a dot for a mistyped name of an entity. */
function parseHint({ message, help }: DetailedError): string {
  if (/template slot, found an? `\.` expression/.test(message))
    return "the head takes one literal: write what is of the context behind it, when { resource in context.workspace }";
  return help ?? "";
}

function hintOf(error: DetailedError): string {
  const optional = /optional attribute `(\w+)`/.exec(error.message)?.[1];
  if (optional !== undefined)
    return `${optional === "ip" ? "only addresses" : "only network actions"} have it: write "resource has ${optional} && ..." before it`;
  const action = /unrecognized action `Aegis::Action::"(.*)"`/.exec(error.message)?.[1];
  if (action !== undefined) return nearestHint(action, actions, "actions");
  const attribute = /attribute `(\w+)` on entity type `Aegis::Resource`/.exec(error.message)?.[1];
  if (attribute !== undefined)
    return "a resource has a path, and for network actions host, port, ip and protocol";
  // The engine guesses names in an order that changes from run to run.
  if (error.help?.startsWith("did you mean") === true) return "";
  return error.help?.replace(/^for policy `\d+`, /, "") ?? "";
}

function nearestHint(name: string, known: readonly string[], what: string): string {
  const close = nearest(name, known);
  return close === undefined ? `${what} are ${known.join(", ")}` : `did you mean "${close}"?`;
}
