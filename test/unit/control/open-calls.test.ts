// A call counts once, whether its client records the proposal before the decision, after it or
// never.

import { describe, expect, test } from "bun:test";
import { openCallsMax } from "../../../src/control/state/open-calls.ts";
import {
  applyEvent,
  callToDecide,
  newState,
  type SessionState,
} from "../../../src/control/state/reducer.ts";
import type { JsonObject } from "../../../src/model/event.ts";

type Outcome = "allow" | "deny" | "require_approval";
type Step =
  | readonly ["propose" | "result" | "went on", JsonObject]
  | readonly ["decide", JsonObject, Outcome?];

const typeOf = {
  propose: "TOOL_CALL_PROPOSED",
  result: "TOOL_RESULT",
  "went on": "TOOL_CALL_ALLOWED",
};

/** As the server records them. */
function run(steps: readonly Step[]): SessionState {
  return steps.reduce<SessionState>((state, [kind, payload, outcome = "allow"], seq) => {
    if (kind !== "decide") {
      return applyEvent(state, { seq, tsUnixMs: seq, type: typeOf[kind], payload });
    }
    const { record } = callToDecide(state, payload);
    const decision = { ...record, outcome };
    return applyEvent(state, { seq, tsUnixMs: seq, type: "POLICY_DECISION", payload: decision });
  }, newState());
}

const one = { tool_name: "a", args: { x: 1 } };
const other = { tool_name: "a", args: { x: 2 } };
const named = { ...one, call_id: "c1" };
const bare = { tool_name: "a", call_id: "c1" };

describe("a session counts", () => {
  const rows: readonly (readonly [string, readonly Step[], number, string])[] = [
    ["a decision without a proposal", [["decide", one]], 1, ""],
    ["a denied one too", [["decide", one, "deny"]], 1, ""],
    [
      "a proposal and its decision once",
      [
        ["propose", one],
        ["decide", one],
      ],
      1,
      "",
    ],
    [
      "a decision and its proposal once",
      [
        ["decide", one],
        ["propose", one],
      ],
      1,
      "",
    ],
    [
      "by call id, without arguments",
      [
        ["propose", named],
        ["decide", bare],
      ],
      1,
      "",
    ],
    [
      "not by call id alone",
      [
        ["propose", named],
        ["decide", { ...other, call_id: "c1" }],
      ],
      2,
      "",
    ],
    [
      "another's call id apart",
      [
        ["propose", named],
        ["decide", { ...other, call_id: "c2" }],
      ],
      2,
      "",
    ],
    [
      "two calls as two",
      [
        ["propose", one],
        ["propose", other],
        ["decide", other],
        ["decide", one],
      ],
      2,
      "",
    ],
    [
      "one decision for one proposal",
      [
        ["propose", one],
        ["decide", one],
        ["decide", one],
      ],
      2,
      "LOOP_IDENTICAL_CALL",
    ],
    [
      "one proposal for one decision",
      [
        ["decide", one],
        ["propose", one],
        ["propose", one],
      ],
      2,
      "LOOP_IDENTICAL_CALL",
    ],
    [
      "a call id again as another call",
      [
        ["decide", named],
        ["decide", named],
      ],
      2,
      "LOOP_IDENTICAL_CALL",
    ],
    [
      "a question that is asked again once",
      [
        ["decide", one, "require_approval"],
        ["decide", one, "require_approval"],
        ["decide", one],
        ["propose", one],
      ],
      1,
      "",
    ],
    [
      "what went on without a decision as decided",
      [
        ["propose", one],
        ["went on", { tool_name: "a" }],
        ["decide", other],
      ],
      2,
      "",
    ],
    [
      "what has a result as well",
      [
        ["propose", named],
        ["result", { call_id: "c1" }],
        ["decide", named],
      ],
      2,
      "LOOP_IDENTICAL_CALL",
    ],
  ];
  test.each(rows)("%s", (_, steps, calls, loop) => {
    const { budgets, violation } = run(steps);
    expect({ calls: budgets.tool_calls_consumed, loop: violation?.reason ?? "" }).toEqual({
      calls,
      loop,
    });
  });

  test("no decision that says nothing of a call", () => {
    const payload = { outcome: "allow", tool_name: "a", reason_codes: ["OK"] };
    const state = applyEvent(newState(), { seq: 0, tsUnixMs: 0, type: "POLICY_DECISION", payload });
    expect(state.budgets.tool_calls_consumed).toBe(0);
    expect(state.last_outcomes.last_policy_outcome).toBe("allow");
  });

  test("calls that stay open, up to a bound", () => {
    const steps = Array.from(
      { length: 500 },
      (_, at): Step => ["propose", { tool_name: `t${at}` }],
    );
    expect(run(steps).open).toHaveLength(openCallsMax);
  });
});

test("a call that closes a loop is decided as one, before it is recorded", () => {
  const state = run([["decide", one]]);
  expect(callToDecide(state, other).state.violation).toBeUndefined();
  expect(callToDecide(state, one).state.violation?.reason).toBe("LOOP_IDENTICAL_CALL");
});
