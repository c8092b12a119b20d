// Tests people write for a policy: what it must answer for an access. A file of them is a list
// under `tests`, in YAML or JSON, with the fields of PolicyTest.

import { err, ok, type Result } from "../base/result.ts";
import type { Attempt } from "../model/attempt.ts";
import type { PolicySource } from "../model/policy-snapshot.ts";
import type { Verdict } from "../model/verdict.ts";
import { actionNamed, resourceNamed } from "./attempt.ts";
import type { Decider } from "./decide.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { bindPath, type Places } from "./places.ts";

export interface PolicyTest {
  /** Shown with the result; the access itself when the file gives no name. */
  readonly name: string;
  readonly attempt: Attempt;
  readonly expect: "allow" | "deny";
  /** Id of the rule that has to decide; undefined when any may. */
  readonly rule: string | undefined;
}

export interface PolicyTestResult {
  readonly test: PolicyTest;
  readonly verdict: Verdict;
  readonly passed: boolean;
}

const fields = ["name", "action", "resource", "agent", "expect", "rule"];

/**
 * Reads a file of tests. Paths may start with `~`, `$workspace`, `$home` or `$tmp`; others that are
 * relative belong to the workspace.
 */
export function parsePolicyTests(
  source: Pick<PolicySource, "name" | "text">,
  places: Places,
  agent: string,
): Result<readonly PolicyTest[], readonly Diagnostic[]> {
  let decoded: unknown;
  try {
    decoded = Bun.YAML.parse(source.text);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return err([problem(source.name, `Cannot read the tests: ${cause}`)]);
  }
  const list = isRecord(decoded) ? decoded.tests : undefined;
  if (!Array.isArray(list) || list.length === 0)
    return err([problem(source.name, 'Cannot read the tests: there is no list "tests"')]);
  const tests: PolicyTest[] = [];
  const problems: Diagnostic[] = [];
  for (const [index, entry] of list.entries()) {
    const test = readTest(entry, places, agent);
    if (typeof test === "string")
      problems.push(problem(source.name, `Cannot read test ${index + 1}: ${test}`));
    else tests.push(test);
  }
  return problems.length > 0 ? err(problems) : ok(tests);
}

export function runPolicyTests(
  decider: Decider,
  tests: readonly PolicyTest[],
): readonly PolicyTestResult[] {
  return tests.map((test) => {
    const verdict = decider.decide(test.attempt);
    const isRight = verdict.outcome === test.expect;
    const isByRule = test.rule === undefined || verdict.rule?.rule === test.rule;
    return { test, verdict, passed: isRight && isByRule };
  });
}

/** The test, or what is wrong with it. */
function readTest(entry: unknown, places: Places, agent: string): PolicyTest | string {
  if (!isRecord(entry)) return "it is no mapping";
  const unknown = Object.keys(entry).find((key) => !fields.includes(key));
  if (unknown !== undefined) return `there is no field "${unknown}"`;
  for (const field of fields) {
    const value = entry[field];
    if (value !== undefined && typeof value !== "string") return `"${field}" is no text`;
  }
  const { name, action: named = "", resource: text = "", expect, rule } = entry;
  const action = actionNamed(String(named));
  if (action === undefined) return `there is no action "${named}"`;
  if (expect !== "allow" && expect !== "deny") return '"expect" is neither "allow" nor "deny"';
  const bound = /^[~$]/.test(String(text)) ? bindPath(String(text), places) : ok(String(text));
  if (!bound.ok) return bound.error.message;
  const resource = resourceNamed(action, bound.value, places.workspace);
  if (resource === undefined || text === "") return `"${text}" is nothing ${action} is about`;
  return {
    name: name === undefined ? `${action} ${text}` : String(name),
    attempt: { action, agent: String(entry.agent ?? agent), resource },
    expect,
    rule: rule === undefined ? undefined : String(rule),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function problem(file: string, message: string): Diagnostic {
  return { severity: "error", file, line: 0, column: 0, rule: "", message, hint: "" };
}
