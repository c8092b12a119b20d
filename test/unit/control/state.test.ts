// What a session adds up to.

import { describe, expect, test } from "bun:test";
import { type Budgets, defaultBudgets } from "../../../src/control/state/budgets.ts";
import {
  applyEvent,
  newState,
  type ReducedEvent,
  type SessionState,
} from "../../../src/control/state/reducer.ts";
import { policyView, stateHash, stateJson } from "../../../src/control/state/view.ts";
import type { JsonValue } from "../../../src/model/event.ts";

type Step = readonly [type: string, payload?: JsonValue, tsUnixMs?: number];

const start = 1_700_000_000_000;

function run(steps: readonly Step[]): SessionState {
  return steps
    .map(([type, payload = null, tsUnixMs = start], seq): ReducedEvent => {
      return { seq, tsUnixMs, type, payload };
    })
    .reduce(applyEvent, newState());
}

const call = (tool: string, args: JsonValue = {}): Step => [
  "TOOL_CALL_PROPOSED",
  { tool_name: tool, args },
];
const result = (content: JsonValue): Step => ["TOOL_RESULT", { result: content }];
const calls = (...tools: string[]) => tools.map((tool, at) => call(tool, { at }));

describe("a session counts", () => {
  const rows: readonly (readonly [string, readonly Step[], object])[] = [
    ["nothing", [], { steps_consumed: 0, tool_calls_consumed: 0, wall_time_ms: 0 }],
    ["every event as a step", [["ODD"], ["MEMORY_WRITE"]], { steps_consumed: 2 }],
    ["proposals as tool calls", calls("a", "b", "c", "d", "e"), { tool_calls_consumed: 5 }],
    ["model calls", [["MODEL_CALL_STARTED", { call_id: "m" }]], { model_calls_consumed: 1 }],
    [
      "words that every object has as a member",
      [...Object.getOwnPropertyNames(Object.prototype)].map((type): Step => [type, {}]),
      { steps_consumed: Object.getOwnPropertyNames(Object.prototype).length },
    ],
    [
      "time from its first event",
      [
        ["ODD", null, start],
        ["ODD", null, start + 1500],
      ],
      { wall_time_ms: 1500 },
    ],
    [
      "time forwards only",
      [
        ["ODD", null, start],
        ["ODD", null, start + 9],
        ["ODD", null, start - 5],
      ],
      { wall_time_ms: 9 },
    ],
  ];
  test.each(rows)("%s", (_, steps, view) => {
    expect(policyView(run(steps), defaultBudgets)).toMatchObject(view);
  });
});

describe("a session is tainted", () => {
  const rows: readonly (readonly [string, readonly Step[], object])[] = [
    ["by a result", [result("x")], { is_tainted: true }],
    ["by a result that is a text", [["TOOL_RESULT", "x"]], { is_tainted: true }],
    ["by a result that is a list", [["TOOL_RESULT", ["x"]]], { is_tainted: true }],
    ["by a result that nobody recorded", [["TOOL_RESULT"]], { is_tainted: true }],
    ["by memory", [["MEMORY_READ"]], { is_tainted: true }],
    ["not by a call", calls("a"), { is_tainted: false }],
    ["until it ends", [result("x"), ["TERMINATION", { reason: "done" }]], { is_tainted: false }],
    [
      "but for what was sanitized",
      [result("x"), ["SANITIZED_TEXT", { key: "k" }], ["SANITIZED_TEXT", { key: "k" }]],
      { is_tainted: true, sanitized_keys: ["k"] },
    ],
  ];
  test.each(rows)("%s", (_, steps, view) => {
    expect(policyView(run(steps), defaultBudgets)).toMatchObject(view);
  });
});

describe("a session goes in circles", () => {
  const rows: readonly (readonly [string, readonly Step[], string, readonly number[]])[] = [
    ["with the same call again", [call("a"), call("b"), call("a")], "LOOP_IDENTICAL_CALL", [0, 2]],
    ["with other arguments not", [call("a", 1), call("b", 1), call("a", 2)], "", []],
    [
      "with the same three tools twice",
      calls("a", "b", "c", "a", "b", "c"),
      "LOOP_REPEATING_SEQUENCE",
      [0, 1, 2, 3, 4, 5],
    ],
    ["with two tools in turn not", calls("a", "b", "a", "b"), "", []],
    [
      "when three calls in a row change nothing",
      [
        call("a", 1),
        result("x"),
        call("a", 2),
        result("x"),
        call("b", 3),
        result("x"),
        call("b", 4),
      ],
      "LOOP_NO_PROGRESS",
      [2, 4, 6],
    ],
    [
      "when three results are the same text",
      [0, 1, 2, 3].flatMap((at): Step[] => [call(`t${at % 2}`, at), ["TOOL_RESULT", "x"]]),
      "LOOP_NO_PROGRESS",
      [2, 4, 6],
    ],
    [
      "when three results are different texts not",
      [0, 1, 2, 3].flatMap((at): Step[] => [call(`t${at % 2}`, at), ["TOOL_RESULT", `x${at}`]]),
      "",
      [],
    ],
    [
      "when their results differ not",
      [
        call("a", 1),
        result("x"),
        call("a", 2),
        result("y"),
        call("b", 3),
        result("z"),
        call("b", 4),
      ],
      "",
      [],
    ],
    ["not by calls whose results are to come", calls("a", "b", "c", "d"), "", []],
  ];
  test.each(rows)("%s", (_, steps, reason, trace) => {
    const { violation } = run(steps);
    expect(violation?.reason ?? "").toBe(reason);
    expect(violation?.cycle_trace ?? []).toEqual([...trace]);
  });
});

describe("a session exceeds", () => {
  const many = (count: number, step: (at: number) => Step) =>
    Array.from({ length: count }, (_, at) => step(at));
  const rows: readonly (readonly [string, readonly Step[], Partial<Budgets>, string])[] = [
    ["its steps", many(25, () => ["ODD"]), {}, "BUDGET_STEPS_EXCEEDED"],
    ["its steps not at the limit", many(24, () => ["ODD"]), {}, ""],
    ["its tool calls", many(13, (at) => call(`t${at}`)), {}, "BUDGET_TOOL_CALLS_EXCEEDED"],
    [
      "its model calls",
      many(3, () => ["MODEL_CALL_STARTED"]),
      { max_model_calls: 2 },
      "BUDGET_MODEL_CALLS_EXCEEDED",
    ],
    ["no model calls without a limit", many(20, () => ["MODEL_CALL_STARTED"]), {}, ""],
    [
      "its time",
      [["ODD"], ["TOOL_CALL_PROPOSED", { tool_name: "a" }, start + 120_001]],
      {},
      "BUDGET_WALL_TIME_EXCEEDED",
    ],
  ];
  test.each(rows)("%s", (_, steps, budgets, reason) => {
    const state = run(steps);
    const view = policyView(state, { ...defaultBudgets, ...budgets });
    expect(view.loop_violation).toBe(reason);
    // Limits come and go; what happened stays what it was.
    expect(state.violation).toBeUndefined();
  });
});

describe("the state of a session", () => {
  const story: readonly Step[] = [
    ["MODEL_CALL_STARTED", { call_id: "m1" }],
    ["TOOL_CALL_PROPOSED", { tool_name: "read_file", call_id: "c1", args: { path: "/a" } }],
    ["POLICY_DECISION", { outcome: "allow" }],
    ["TOOL_CALL_ALLOWED", { policy_ref: "p1" }],
    ["TOOL_RESULT", { call_id: "c1", is_error: true, result: "gone" }],
    ["HANDOFF_REQUESTED", { from_agent: "a", to_agent: "b", context_id: "x" }],
  ];

  test("has the documented form", () => {
    expect(stateJson(run(story))).toEqual({
      budgets: {
        steps_consumed: 6,
        model_calls_consumed: 1,
        tool_calls_consumed: 1,
        wall_time_ms: 0,
        session_start_ms: start,
      },
      active_tool_permissions: [{ tool_name: "read_file", granted_by: "p1", expires_ms: 0 }],
      last_outcomes: {
        last_model_call_id: "m1",
        last_tool_call_id: "c1",
        last_tool_name: "read_file",
        last_tool_was_error: true,
        last_policy_outcome: "allow",
      },
      taint_labels: ["tool_output"],
      handoff: { in_handoff: true, from_agent: "a", to_agent: "b", context_id: "x" },
      taint: { active_labels: ["tool_output"] },
    });
  });

  test("is the same for the same events, and another one for others", () => {
    expect(stateHash(run(story))).toBe(stateHash(run(story)));
    expect(stateHash(run(story.slice(0, 5)))).not.toBe(stateHash(run(story)));
  });

  test("does not change under who holds it", () => {
    const before = run(story);
    const text = JSON.stringify(before);
    applyEvent(before, { seq: 6, tsUnixMs: start, type: "TOOL_RESULT", payload: { result: 1 } });
    expect(JSON.stringify(before)).toBe(text);
  });

  test.each([
    ["the fiftieth event", Array.from({ length: 50 }, (): Step => ["ODD"]), true],
    ["the forty-ninth not", Array.from({ length: 49 }, (): Step => ["ODD"]), false],
    ["the end", [["TERMINATION"]] as readonly Step[], true],
    ["a request for approval", [["ODD"], ["APPROVAL_REQUESTED"]] as readonly Step[], true],
    ["the event after that not", [["APPROVAL_REQUESTED"], ["ODD"]] as readonly Step[], false],
  ])("is kept at %s", (_, steps, isKept) => {
    expect(run(steps).is_checkpoint).toBe(isKept);
  });
});
