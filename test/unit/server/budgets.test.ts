// The budgets that count in a decision are those of the manifest it is made by, the server's or the
// request's, and the state of a session knows of none.

import { expect, test } from "bun:test";
import { parseJsonText } from "../../../src/base/json-text.ts";
import { decideFast } from "../../../src/control/decide/fast.ts";
import { createControlLog } from "../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import type { JsonValue } from "../../../src/model/event.ts";
import { startServer } from "../../../src/server/server.ts";
import { type Deciding, decidingOver, proposal } from "../../support/deciding.ts";

const permissions = { tools: ["read_file"] };
const rows: readonly (readonly [string, JsonValue, object])[] = [
  ["none, so the usual ones", { permissions }, { outcome: "deny", reason: "BUDGET_EXCEEDED" }],
  [
    "larger ones",
    { permissions: { ...permissions, budgets: { max_steps: 100 } } },
    { outcome: "allow" },
  ],
];

test.each(rows)("thirty events, and a manifest with %s", async (_, manifest, expected) => {
  const log = createControlLog(createMemoryStore("aegis.local/test"));
  const place = { tenant: "acme", user: "u", session: "s" };
  await log.append(
    Array.from({ length: 30 }, (_, at) => ({
      ...place,
      type: "CHECKPOINT",
      tsUnixMs: at,
      payload: parseJsonText("{}"),
    })),
  );
  const server = startServer({
    ...{ log, hostname: "127.0.0.1", port: 0, keys: [], secret: new Uint8Array(32) },
    ...{ origin: "aegis.local/test", nowMs: () => 40, rateLimit: 0, tls: undefined },
    decide: (input) => decideFast(input) ?? { outcome: "deny", reason: "?", constraints: {} },
    manifest,
  });
  const answer = await fetch(`http://127.0.0.1:${server.port}/v1/policy/decide`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "read_file" } },
      session: { tenant_id: "acme", session_id: "s" },
    }),
  });
  expect(await answer.json()).toMatchObject(expected);
  await server.stop();
});

const generous = {
  permissions: {
    tools: ["read_file"],
    budgets: { max_tool_calls: 100, max_steps: 1000, max_wall_time_ms: 99_999_999 },
  },
};

/** Fourteen calls, of different tools in no order that repeats. */
async function sendCalls({ post }: Deciding): Promise<void> {
  for (let at = 0; at < 14; at++) {
    const payload = { tool_name: `tool_${at}`, args: { at } };
    const place = { tenant_id: "acme", session_id: "s", event_type: "TOOL_CALL_PROPOSED" };
    expect((await post("/v1/events", { ...place, payload })).status).toBe(201);
  }
}

test("a request's own budgets count, and without any it is the budgets that are exceeded", async () => {
  const server = decidingOver(createMemoryStore("aegis.local/test"));
  await sendCalls(server);
  const { permissions } = generous;
  const asked = await server.decide("s", proposal("read_file"), { manifest: generous });
  expect(asked.body).toMatchObject({ outcome: "allow", reason: "OK" });
  const usual = { permissions: { tools: permissions.tools } };
  const again = await server.decide("s", proposal("read_file"), { manifest: usual });
  expect(again.body).toMatchObject({ outcome: "deny", reason: "BUDGET_EXCEEDED" });
});

test("a session is the same under whatever manifest it is looked at", async () => {
  const store = createMemoryStore("aegis.local/test");
  const before = decidingOver(store, { manifest: generous });
  await sendCalls(before);
  await before.decide("s", proposal("read_file", { args: {} }));
  const path = "/v1/sessions/s/snapshot?tenant_id=acme";
  const then = (await before.get(path)).body;
  expect(then.loop_violation).toBe("");
  // The hashes of its steps are kept by now.
  const replay = "/v1/sessions/s/replay?tenant_id=acme";
  expect((await before.get(replay)).body).toMatchObject({ identical: true, steps_replayed: 15 });

  const after = decidingOver(store);
  const now = (await after.get(path)).body;
  expect(now).toEqual({ ...then, loop_violation: "BUDGET_TOOL_CALLS_EXCEEDED" });
  expect((await after.get(replay)).body).toMatchObject({ identical: true, diffs: [] });
});
