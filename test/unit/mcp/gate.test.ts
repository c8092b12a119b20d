// What the gate writes down of who asks for a person.

import { expect, test } from "bun:test";
import { gateScene, session } from "../../support/mcp-gate.ts";

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
