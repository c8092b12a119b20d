// What the gate writes down of who asks for a person, and by which time it decides.

import { describe, expect, test } from "bun:test";
import { readApproval, recordApproval } from "../../../src/app/serve/approval-requests.ts";
import { decideApproval } from "../../../src/control/approvals/router.ts";
import type { Decide } from "../../../src/control/decide/decision.ts";
import type { JsonObject } from "../../../src/model/event.ts";
import { memberOf } from "../../../src/model/json-object.ts";
import { waitFor } from "../../support/harness.ts";
import { budgets, gateScene, session } from "../../support/mcp-gate.ts";

const permissions = { tools: ["echo"], approval_required: ["echo"] };
const call = {
  tool: "echo",
  isTool: true,
  method: "tools/call",
  hasResult: true,
  traceparent: undefined,
  tracestate: undefined,
  args: null,
  sanitizerKey: undefined,
  isAnswer: false,
  signal: new AbortController().signal,
};

test.each([
  ["the name of the key that asked", "alice", { requested_by: "alice" }],
  ["nobody where there are no keys", "", {}],
])("a call that waits is recorded with %s", async (_, user, wanted) => {
  const { gate, events } = gateScene(permissions);
  const admission = await gate.admit({ ...session, user }, call);
  expect(admission).toMatchObject({ kind: "refused", error: { data: { tool: "echo" } } });
  const asked = (await events()).filter(({ type }) => type === "APPROVAL_REQUESTED");
  expect(asked).toHaveLength(1);
  const names = Object.entries(Object(asked[0]?.payload)).filter(([name]) => /_by$/.test(name));
  expect(Object.fromEntries(names)).toEqual(wanted);
});

/** The person says yes; by the time that it is when this is called. */
async function allow(
  { log, nowMs, secret }: ReturnType<typeof gateScene>,
  json: string,
  edited_args?: JsonObject,
) {
  const approver = { name: "bob", isAgent: false, isKnown: true };
  const asked = readApproval(json, secret);
  const decided = decideApproval(asked, { allow: true, edited_args }, approver, nowMs());
  if (!decided.ok) throw new Error(decided.error.message);
  const event = { type: "APPROVAL_DECIDED", event: { approved: true } };
  return recordApproval({ log, nowMs, secret }, decided.value.approval, event, json);
}
const asked = ({ log }: ReturnType<typeof gateScene>) =>
  waitFor("its record", async () => (await log.records("approval", "", 9))[0]?.json);

test("a call that a person changed is bounded as the call that it is now", async () => {
  const bounds: Decide = ({ event }) => {
    const args = memberOf(memberOf(event, "payload"), "args");
    const constraints = { timeout_ms: memberOf(args, "is_large") === true ? 9 : 5 };
    return { outcome: "require_approval", reason: "ASK", constraints };
  };
  const timeoutOf = async (edited: JsonObject | undefined) => {
    const scene = gateScene(permissions, 60_000, [], bounds);
    const args = new Map([["is_large", true]]);
    const admission = scene.gate.admit(session, { ...call, args });
    await allow(scene, await asked(scene), edited);
    const admitted = await admission;
    if (admitted.kind !== "admitted") throw new Error(admitted.error.message);
    const events = await scene.events();
    const allowed = events.find(({ type }) => type === "TOOL_CALL_ALLOWED");
    expect(allowed?.payload).toMatchObject({
      constraints: { timeout_ms: admitted.permit.limits.timeoutMs },
    });
    return admitted.permit.limits.timeoutMs;
  };
  expect(await timeoutOf(undefined)).toBe(9);
  expect(await timeoutOf({ is_large: false })).toBe(5);
});

describe("the wall time of a session that waits for a person", () => {
  const startMs = 1_700_000_000_000;
  const limited = { ...permissions, budgets: { ...budgets, max_wall_time_ms: 10_000 } };

  test.each([
    [9999, { kind: "admitted" }],
    [10_000, { kind: "refused", error: { data: { reason: "BUDGET_EXCEEDED" } } }],
  ])("is that of now when the call comes again, %i ms later", async (afterMs, wanted) => {
    const scene = gateScene(limited);
    const { gate, clock } = scene;
    await gate.admit(session, call);
    clock.ms += 1000;
    await allow(scene, await asked(scene));
    clock.ms = startMs + afterMs;
    expect(await gate.admit(session, call)).toMatchObject(wanted);
  });

  test.each([
    [9999, { kind: "admitted" }],
    [10_000, { kind: "refused", error: { data: { reason: "BUDGET_EXCEEDED" } } }],
  ])("is that of now when the wait is over, %i ms later", async (afterMs, wanted) => {
    const scene = gateScene(limited, 60_000);
    const { gate, clock } = scene;
    const admission = gate.admit(session, call);
    const stored = allow(scene, await asked(scene));
    clock.ms = startMs + afterMs;
    await stored;
    expect(await admission).toMatchObject(wanted);
  });
});
