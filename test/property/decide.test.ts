// decide() against Cedar's own engine, and the compiled capabilities against the policy they come
// from, over random policies and attempts. AEGIS_PROPERTY_PAIRS sets the number of pairs.

import { expect, test } from "bun:test";
import type { Attempt } from "../../src/model/attempt.ts";
import type { Capabilities } from "../../src/model/capability.ts";
import type { PolicySource } from "../../src/model/policy-snapshot.ts";
import { isSatisfied } from "../../src/policy/cedar/evaluate.ts";
import { parsePolicies } from "../../src/policy/cedar/parse.ts";
import { policyCondition } from "../../src/policy/cedar/to-capabilities.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { prepareDecider } from "../../src/policy/decide.ts";
import { type Diagnostic, isError } from "../../src/policy/diagnostic.ts";
import { judgedAs } from "../../src/policy/leaf.ts";
import { testCedar } from "../support/cedar.ts";
import { cedarOracle } from "../support/cedar-oracle.ts";
import { randomFrom } from "../support/random-capabilities.ts";
import {
  type RandomPolicy,
  randomAttempt,
  randomPlaces,
  randomPolicy,
} from "../support/random-policies.ts";

const pairsWanted = Number(process.env.AEGIS_PROPERTY_PAIRS ?? 1_000_000);
const attemptsPerSet = 250;
const seed = 0xced1;
const cedar = testCedar();

function sourceOf(policies: readonly RandomPolicy[]): PolicySource {
  const text = policies.map((policy) => policy.text).join("\n");
  return { kind: "cedar", name: "random.cedar", text };
}

interface CompiledSet {
  /** Those that compile; the others can never match, or are for every agent but one. */
  readonly policies: readonly RandomPolicy[];
  readonly capabilities: Capabilities;
  readonly refused: readonly Diagnostic[];
}

async function compileSet(policies: readonly RandomPolicy[]): Promise<CompiledSet> {
  const sources = [sourceOf(policies)];
  const compiled = await compilePolicy({ cedar: async () => cedar, sources, places: randomPlaces });
  if (compiled.ok) return { policies, capabilities: compiled.value.capabilities, refused: [] };
  const refused = compiled.error.filter(isError);
  const bad = new Set(refused.map(({ rule }) => rule));
  const rest = policies.filter((_, index) => !bad.has(`random.cedar#${index + 1}`));
  if (rest.length === policies.length) throw new Error(JSON.stringify(compiled.error));
  return { ...(await compileSet(rest)), refused };
}

/** The policies judged one by one as they were written, without being compiled. */
function evaluator(source: PolicySource): (attempt: Attempt) => boolean {
  const parsed = parsePolicies(cedar, [source]);
  const rules = parsed.policies.map(({ json }) => ({
    effect: json.effect,
    condition: policyCondition(json),
  }));
  return (attempt) => {
    const matching = rules.filter(({ condition }) =>
      judgedAs(attempt.action).some((action) =>
        isSatisfied(condition, { ...attempt, action }, randomPlaces),
      ),
    );
    const isForbidden = matching.some(({ effect }) => effect === "forbid");
    return !isForbidden && matching.length > 0;
  };
}

test("decide() says what Cedar says", async () => {
  const random = randomFrom(seed);
  const counts = { pairs: 0, sets: 0, policies: 0, refused: 0, allowed: 0 };
  while (counts.pairs < pairsWanted) {
    const drawn = Array.from({ length: 1 + random(6) }, () => randomPolicy(random));
    const { policies, capabilities, refused } = await compileSet(drawn);
    counts.policies += drawn.length;
    counts.refused += drawn.length - policies.length;
    for (const { message } of refused)
      expect(message).toMatch(/can never match|a name with a star|principal != Aegis::Agent/);
    if (policies.length === 0) continue;
    counts.sets += 1;
    const source = sourceOf(policies);
    const decider = prepareDecider(capabilities);
    const isAllowedAsWritten = evaluator(source);
    const oracle = cedarOracle(
      policies.map(({ text }) => text),
      randomPlaces,
    );
    const literals = policies.flatMap((policy) => policy.literals);
    for (let index = 0; index < attemptsPerSet; index += 1) {
      const attempt = randomAttempt(random, literals);
      const { outcome } = decider.decide(attempt);
      const wanted = oracle(attempt);
      const written = isAllowedAsWritten(attempt) ? "allow" : "deny";
      if (outcome !== wanted || written !== wanted)
        throw new Error(JSON.stringify({ attempt, wanted, outcome, written, source }, null, 1));
      counts.pairs += 1;
      counts.allowed += Number(outcome === "allow");
    }
  }
  const { pairs, sets, policies, refused, allowed } = counts;
  console.log(
    `decide: ${pairs} pairs, 0 disagreements with Cedar (${sets} policy sets, ` +
      `${policies} policies, ${refused} refused, ${allowed} pairs allowed)`,
  );
  expect(allowed / pairs).toBeGreaterThan(0.15);
  expect(refused / policies).toBeLessThan(0.35);
}, 900_000);
