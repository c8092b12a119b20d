// What a session's state takes in memory: every text in it counts, because it may be a caller's.

import { expect, test } from "bun:test";
import { applyEvent, newState, type SessionState } from "../../../src/control/state/reducer.ts";
import { stateSize } from "../../../src/control/state/size.ts";
import type { JsonObject } from "../../../src/model/event.ts";

const long = "x".repeat(100_000);
const proposed: readonly [string, JsonObject] = ["TOOL_CALL_PROPOSED", { tool_name: long }];
const rows: readonly (readonly [string, ...(readonly [string, JsonObject])[]])[] = [
  ["the id of a model call", ["MODEL_CALL_STARTED", { call_id: long }]],
  ["the id of a tool call", ["TOOL_CALL_PROPOSED", { call_id: long }]],
  ["the name of a tool", proposed],
  [
    "who granted it",
    ["TOOL_CALL_PROPOSED", { tool_name: "a" }],
    ["TOOL_CALL_ALLOWED", { policy_ref: long }],
  ],
  ["an outcome", ["POLICY_DECISION", { outcome: long }]],
  ["a sanitizer's key", ["SANITIZED_TEXT", { key: long }]],
  ["who hands over", ["HANDOFF_REQUESTED", { from_agent: long }]],
  ["to whom", ["HANDOFF_REQUESTED", { to_agent: long }]],
  ["and what", ["HANDOFF_REQUESTED", { context_id: long }]],
  ["a loop", proposed, proposed],
  ["the name of a tool beyond the budget", ...Array(12).fill(["TOOL_CALL_PROPOSED", {}]), proposed],
];

test.each(rows)("%s counts", (_, ...events) => {
  const state = stateAfter(events);
  expect(JSON.stringify(state).length).toBeGreaterThan(long.length);
  expect(stateSize(state)).toBeGreaterThan(long.length);
});

test("a state without texts is small, and lists count by their entries", () => {
  expect(stateSize(newState())).toBeLessThan(2000);
  const keys = Array.from({ length: 500 }, (_, at) => `k${at}`);
  const state = stateAfter(keys.map((key) => ["SANITIZED_TEXT", { key }]));
  expect(stateSize(state)).toBeGreaterThan(50_000);
});

function stateAfter(events: readonly (readonly [string, JsonObject])[]): SessionState {
  return events.reduce<SessionState>(
    (state, [type, payload], seq) => applyEvent(state, { seq, tsUnixMs: 1, type, payload }),
    newState(),
  );
}
