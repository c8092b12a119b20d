// Recorded decisions made again by another policy.

import { describe, expect, test } from "bun:test";
import type { ToolDecision } from "../../../src/control/decide/decision.ts";
import { type Decider, decisionReplay } from "../../../src/control/replay/decisions.ts";
import type { ReducedEvent } from "../../../src/control/state/reducer.ts";
import type { JsonObject, JsonValue } from "../../../src/model/event.ts";

const allow: ToolDecision = { outcome: "allow", reason: "OK", constraints: {} };
const deny: ToolDecision = { outcome: "deny", reason: "EXEC_DENY", constraints: {} };
const proposal: readonly [string, JsonValue] = [
  "TOOL_CALL_PROPOSED",
  { call_id: "c1", tool_name: "exec", args: { bin: "ls" } },
];
const decided: readonly [string, JsonValue] = [
  "POLICY_DECISION",
  { call_id: "c1", tool_name: "exec", outcome: "allow", reason_codes: ["OK"], constraints: {} },
];

async function replay(rows: readonly (readonly [string, JsonValue])[], decide: Decider) {
  const replayed = decisionReplay("s", decide);
  for (const [seq, [type, payload]] of rows.entries()) {
    await replayed.step({ seq, type, payload, tsUnixMs: 1000 + seq } satisfies ReducedEvent);
  }
  return replayed.report();
}

test("the same policy decides the same, on the call and the state of then", async () => {
  const asked: JsonValue[] = [];
  const report = await replay(
    [proposal, decided, ["TOOL_RESULT", { call_id: "c1" }]],
    (event, state) => {
      asked.push({ event, steps: (state as JsonObject).steps_consumed ?? null });
      return allow;
    },
  );
  const identical = { session_id: "s", mode: "live", steps_replayed: 3, diffs: [] };
  expect(report).toEqual({ ...identical, mode: "live", identical: true });
  expect(asked).toEqual([
    { event: { event_type: "TOOL_CALL_PROPOSED", payload: proposal[1] }, steps: 1 },
  ]);
});

test("another policy's decisions are listed, with what was recorded of the ones of then", async () => {
  const report = await replay([proposal, decided], () => deny);
  expect(report.identical).toBeFalse();
  expect(report.diffs).toEqual([
    {
      seq: 1,
      field: "policy_decision",
      recorded: '{"constraints":{},"outcome":"allow","reason":"OK"}',
      replayed: '{"constraints":{},"outcome":"deny","reason":"EXEC_DENY"}',
    },
  ]);
});

describe("decisions are recorded in several ways", () => {
  const rows: readonly (readonly [string, string, JsonObject, string])[] = [
    ["an allowance", "TOOL_CALL_ALLOWED", {}, '{"outcome":"allow"}'],
    ["a call that was made", "TOOL_CALL_EXECUTED", {}, '{"outcome":"allow"}'],
    [
      "a denial",
      "TOOL_CALL_DENIED",
      { reason: "EGRESS_DENY" },
      '{"outcome":"deny","reason":"EGRESS_DENY"}',
    ],
    ["a question", "APPROVAL_REQUESTED", {}, '{"outcome":"require_approval"}'],
    ["in capitals", "POLICY_DECISION", { outcome: "ALLOW" }, '{"outcome":"allow"}'],
  ];
  test.each(rows)("%s", async (_, type, payload, recorded) => {
    const row = [type, { call_id: "c1", tool_name: "exec", ...payload }] as const;
    const other = { outcome: "none", reason: "none", constraints: {} } as unknown as ToolDecision;
    expect((await replay([proposal, row], () => other)).diffs).toMatchObject([
      { seq: 1, recorded },
    ]);
    const { outcome, reason = "" } = JSON.parse(recorded) as ToolDecision;
    const same = { outcome, reason, constraints: {} };
    expect((await replay([proposal, row], () => same)).diffs).toEqual([]);
  });

  test("each call is compared once, with the first of them", async () => {
    const more = ["TOOL_CALL_ALLOWED", { call_id: "c1", tool_name: "exec" }] as const;
    const report = await replay([proposal, decided, more, ["TOOL_RESULT", {}]], () => deny);
    expect(report.diffs).toHaveLength(1);
  });
});

test("what was denied for coming too often was not the policy's", async () => {
  const limited = { call_id: "c1", outcome: "deny", reason_codes: ["RATE_LIMITED"] };
  expect((await replay([proposal, ["POLICY_DECISION", limited]], () => allow)).diffs).toEqual([]);
});

test("a decision about a call that nobody recorded cannot be made again, which differs", async () => {
  const report = await replay([decided], () => allow);
  expect(report.diffs).toMatchObject([{ seq: 0, field: "policy_decision", replayed: "" }]);
});
