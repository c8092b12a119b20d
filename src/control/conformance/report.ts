// What a control plane's answers say about it: each judged, and all of a pack in one report. Field
// names are those of the wire. Answers come from the server under test.

import type { Expectation, Pack, PackTest } from "./pack.ts";

/** What came back for one test: a decision, or why there is none. */
export type Answer =
  | {
      readonly kind: "decision";
      readonly outcome: string;
      readonly reason: string;
      readonly evidence?: BoxEvidence;
    }
  | { readonly kind: "failure"; readonly error: string };

/** The row that a box left, and how its program ended. */
export interface BoxEvidence {
  readonly session: string;
  readonly seq: number;
  readonly status: number;
}

export interface TestReport {
  readonly id: string;
  readonly pack: string;
  readonly req_id: string;
  readonly description: string;
  readonly status: "PASS" | "FAIL";
  readonly outcome: string;
  readonly reason: string;
  readonly expected: Expectation;
  readonly evidence: { readonly outcome: string; readonly reason: string } & Partial<BoxEvidence>;
  readonly error?: string;
}

export interface PackReport {
  readonly pack: string;
  /** Empty where no control plane was asked. */
  readonly aegisd_addr: string;
  /** RFC 3339, UTC. */
  readonly run_at: string;
  readonly total_tests: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly compliant: boolean;
  readonly results: readonly TestReport[];
  /** Each once, in the order of the tests. */
  readonly violated_reqs: readonly string[];
  readonly badge_markdown: string;
}

export function judgeAnswer(pack: Pack, test: PackTest, answer: Answer): TestReport {
  const decided =
    answer.kind === "decision"
      ? { outcome: answer.outcome, reason: answer.reason }
      : { outcome: "", reason: "" };
  const error = answer.kind === "failure" ? answer.error : mismatch(test.expect, decided);
  return {
    id: test.id,
    pack: pack.name,
    req_id: test.requirement,
    description: test.description,
    status: error === undefined ? "PASS" : "FAIL",
    ...decided,
    expected: test.expect,
    evidence: { ...decided, ...(answer.kind === "decision" ? answer.evidence : {}) },
    ...(error === undefined ? {} : { error }),
  };
}

export function reportOf(
  pack: Pack,
  results: readonly TestReport[],
  where: { readonly server: string; readonly nowMs: number },
): PackReport {
  const failures = results.filter(({ status }) => status === "FAIL");
  const compliant = failures.length === 0 && results.length === pack.tests.length;
  return {
    pack: pack.name,
    aegisd_addr: where.server,
    run_at: new Date(where.nowMs).toISOString(),
    total_tests: pack.tests.length,
    passed: results.length - failures.length,
    failed: failures.length,
    skipped: 0,
    compliant,
    results,
    violated_reqs: [...new Set(failures.map(({ req_id }) => req_id))],
    badge_markdown: badge(pack.name, compliant),
  };
}

/** Letter case does not matter, and a reason has to contain the expected one. */
function mismatch(
  { outcome, reason }: Expectation,
  got: { readonly outcome: string; readonly reason: string },
): string | undefined {
  if (got.outcome.toLowerCase() !== outcome.toLowerCase()) {
    return `outcome: want "${outcome}" got "${got.outcome}"`;
  }
  if (got.reason.toLowerCase().includes(reason.toLowerCase())) return undefined;
  return `reason: want substring "${reason}" got "${got.reason}"`;
}

function badge(pack: string, compliant: boolean): string {
  const says = compliant ? "compliant" : "non-compliant";
  const colour = compliant ? "brightgreen" : "red";
  const address = [`aegis ${pack}`, says, colour].map(badgePart).join("-");
  return `![aegis: ${pack} ${says}](https://img.shields.io/badge/${address})`;
}

/** The image service parts its texts at single dashes. */
function badgePart(text: string): string {
  return encodeURIComponent(text.replaceAll("-", "--").replaceAll("_", "__"));
}
