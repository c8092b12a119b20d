// What two decisions about one call both allow.

import { expect, test } from "bun:test";
import type { ToolDecision } from "../../../src/control/decide/decision.ts";
import { stricter } from "../../../src/control/decide/stricter.ts";

const decision = (
  outcome: ToolDecision["outcome"],
  reason: string,
  constraints: ToolDecision["constraints"] = {},
): ToolDecision => ({ outcome, reason, constraints });

const allow = decision("allow", "OK", { timeout_ms: 5, max_output_bytes: 9 });
const ask = decision("require_approval", "APPROVAL_REQUIRED");
const deny = decision("deny", "EXEC_DENY");
const other = decision("deny", "BUDGET_EXCEEDED");

const rows: readonly (readonly [string, ToolDecision, ToolDecision, ToolDecision])[] = [
  ["a denial of the one that binds", deny, allow, deny],
  ["a denial of the other", allow, deny, deny],
  ["of two denials the one that binds", deny, other, deny],
  ["a denial before a question", ask, deny, deny],
  ["a question", allow, ask, { ...ask, constraints: allow.constraints }],
  [
    "the smaller of each number",
    allow,
    decision("allow", "OK", { timeout_ms: 7, max_output_bytes: 8 }),
    decision("allow", "OK", { timeout_ms: 5, max_output_bytes: 8 }),
  ],
  [
    "what only one of them says, and of what has no order what binds",
    decision("allow", "OK", { region: "eu", timeout_ms: 5 }),
    decision("allow", "OK", { region: "us", depth: 2 }),
    decision("allow", "OK", { region: "eu", timeout_ms: 5, depth: 2 }),
  ],
];

test.each(rows)("stricter() gives %s", (_, binding, second, expected) => {
  expect(stricter(binding, second)).toEqual(expected);
});
