// What a manifest says about requests that are no tool calls, and where it says nothing.

import { expect, test } from "bun:test";
import { decideFast } from "../../../src/control/decide/fast.ts";
import { defaultBudgets } from "../../../src/control/state/budgets.ts";
import { applyEvent, newState } from "../../../src/control/state/reducer.ts";
import { policyView } from "../../../src/control/state/view.ts";
import { declaredFor } from "../../../src/mcp/declared.ts";
import type { JsonValue } from "../../../src/model/event.ts";

const read = "mcp.resources.read";
const get = "mcp.prompts.get";

/** What the shipped policy says then. */
function outcome(manifest: JsonValue, name: string, isTool: boolean, isStrict: boolean): string {
  const declared = declaredFor({ manifest, isStrict }, { tool: name, isTool });
  const payload = { tool_name: name, args: { uri: "test://note" } };
  const event = { event_type: "TOOL_CALL_PROPOSED", payload };
  const snapshot = policyView(newState(), defaultBudgets);
  const decision = decideFast({ event, snapshot, manifest: declared.manifest });
  return `${decision?.outcome}${declared.isImplied ? " by default" : ""}`;
}

const [tool, request] = [true, false];
const manifest = (...tools: string[]) => ({ permissions: { tools } });

test.each([
  [
    "a manifest of tools alone lets requests through",
    manifest("echo"),
    read,
    request,
    "allow by default",
  ],
  ["an empty one as well", {}, get, request, "allow by default"],
  ["one that names the request", manifest(read), read, request, "allow"],
  ["one that names another", manifest("echo", get), read, request, "deny"],
  ["one that is no manifest", { permissions: "all" }, read, request, "deny"],
  ["one whose tools are no list", { permissions: { tools: {} } }, read, request, "undefined"],
  [
    "one that wants a person asked, and does not name it",
    { permissions: { approval_required: [read] } },
    read,
    request,
    "deny",
  ],
  [
    "one that names it and wants a person asked",
    { permissions: { tools: [read], approval_required: [read] } },
    read,
    request,
    "require_approval",
  ],
  ["a tool under the request's name is never called", manifest(read), read, tool, "deny"],
  ["nor by default", {}, read, tool, "deny"],
  ["other tools are as they were", manifest("echo"), "echo", tool, "allow"],
] as const)("%s", (_, given, name, isTool, expected) => {
  expect(outcome(given as JsonValue, name, isTool, false)).toBe(expected);
});

test("what is not named is denied where only what is declared may pass", () => {
  expect(outcome(manifest("echo"), read, request, true)).toBe("deny");
  expect(outcome(manifest(read), read, request, true)).toBe("allow");
});

test("reading uses up no budget, is no loop, and taints", () => {
  let state = newState();
  let seq = 0;
  const add = (type: string, tool_name: string): void => {
    const payload = { tool_name, args: { uri: "test://note" }, result: {} };
    state = applyEvent(state, { seq, tsUnixMs: 1000 * seq, type, payload });
    seq += 1;
  };
  for (let at = 0; at < 50; at++) {
    for (const type of ["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED"]) add(type, read);
  }
  expect(policyView(state, defaultBudgets)).toMatchObject({
    ...{ steps_consumed: 0, tool_calls_consumed: 0, wall_time_ms: 0 },
    ...{ is_tainted: false, loop_violation: "" },
  });
  add("TOOL_RESULT", read);
  expect(policyView(state, defaultBudgets)).toMatchObject({ steps_consumed: 0, is_tainted: true });
  expect(state.last_seq).toBe(seq - 1);
  add("TOOL_CALL_PROPOSED", "echo");
  add("TOOL_CALL_PROPOSED", "echo");
  expect(policyView(state, defaultBudgets)).toMatchObject({
    ...{ steps_consumed: 2, tool_calls_consumed: 2, loop_violation: "LOOP_IDENTICAL_CALL" },
  });
});
