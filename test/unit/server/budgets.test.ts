// The budgets that count in a decision are those of the manifest it is made by, the server's or the
// request's, and the state of a session knows of none.

import { describe, expect, test } from "bun:test";
import { parseJsonText } from "../../../src/base/json-text.ts";
import { decideFast } from "../../../src/control/decide/fast.ts";
import { createControlLog } from "../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import type { JsonObject, JsonValue } from "../../../src/model/event.ts";
import { type Deciding, decidingOver, proposal } from "../../support/deciding.ts";
import { startLocalServer } from "../../support/local-server.ts";

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
  const server = startLocalServer({
    log,
    nowMs: () => 40,
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

describe("wall time", () => {
  const startMs = 1_700_000_000_000;
  const tools = ["a", "b", "c"];
  const manifest = { permissions: { tools, budgets: { max_wall_time_ms: 1000, max_steps: 99 } } };
  const exceeded = { outcome: "deny", reason: "BUDGET_EXCEEDED" };

  /** A server, and its clock, which stands still. */
  function clocked(): Deciding & { readonly clock: { ms: number } } {
    const clock = { ms: startMs };
    const store = createMemoryStore("aegis.local/test");
    return { ...decidingOver(store, { manifest, nowMs: () => clock.ms }), clock };
  }

  test("goes on where nothing happens, and the first call after a pause is not free", async () => {
    const { clock, decide, get } = clocked();
    expect((await decide("s", proposal("a"))).body).toMatchObject({ outcome: "allow" });
    clock.ms += 999;
    expect((await decide("s", proposal("b"))).body).toMatchObject({ outcome: "allow" });
    clock.ms += 1;
    expect((await decide("s", proposal("c"))).body).toMatchObject(exceeded);
    const { body } = await get("/v1/events?tenant_id=acme&session_id=s&limit=9");
    const events = body.Events as readonly { readonly payload: JsonObject }[];
    expect(events.map(({ payload }) => payload.wall_time_ms)).toEqual([0, 999, 1000]);
  });

  test("is the same whether the call was proposed first or not", async () => {
    const { clock, decide, post } = clocked();
    for (const session_id of ["s", "t"]) await decide(session_id, proposal("a"));
    clock.ms += 1000;
    const place = { tenant_id: "acme", session_id: "t" };
    await post("/v1/events", { ...place, ...proposal("b") });
    for (const session of ["s", "t"]) {
      expect((await decide(session, proposal("b"))).body).toMatchObject(exceeded);
    }
  });

  test("does not go back with the clock, nor begin before the session", async () => {
    const { clock, decide, post } = clocked();
    const place = { tenant_id: "acme", session_id: "s", event_type: "CHECKPOINT", payload: {} };
    await post("/v1/events", { ...place, ts_unix_ms: startMs + 5000 });
    expect((await decide("s", proposal("a"))).body).toMatchObject({ outcome: "allow" });
    await post("/v1/events", { ...place, ts_unix_ms: startMs + 6000 });
    clock.ms -= 1000;
    expect((await decide("s", proposal("b"))).body).toMatchObject(exceeded);
  });

  test("is no part of the state, and replays know what it was", async () => {
    const { clock, decide, get, post } = clocked();
    for (const [tool, later] of [["a", 600] as const, ["b", 600] as const, ["c", 0] as const]) {
      await decide("s", proposal(tool));
      clock.ms += later;
    }
    const path = "/v1/sessions/s/snapshot?tenant_id=acme";
    const then = (await get(path)).body;
    clock.ms += 5000;
    expect((await get(path)).body).toEqual(then);
    const replay = "/v1/sessions/s/replay?tenant_id=acme";
    for (const mode of ["exact", "live"]) {
      const { body } = await get(`${replay}&mode=${mode}`);
      expect(body).toMatchObject({ mode, identical: true, steps_replayed: 3 });
    }
    const budgets = { ...manifest.permissions.budgets, max_wall_time_ms: 9000 };
    const wider = { permissions: { tools, budgets } };
    const asked = { tenant_id: "acme", mode: "live", manifest: wider };
    const { body } = await post("/v1/sessions/s/replay", asked);
    expect(body.diffs).toMatchObject([{ seq: 2, field: "policy_decision" }]);
  });
});
