// Clients that ask about live sessions and record nothing themselves, or the proposal as well.

import { describe, expect, test } from "bun:test";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import type { JsonObject } from "../../../src/model/event.ts";
import { type Deciding, decidingOver, proposal } from "../../support/deciding.ts";

const manifest = {
  permissions: { tools: ["a", "b"], approval_required: ["b"], budgets: { max_steps: 1000 } },
};
const server = (): Deciding => decidingOver(createMemoryStore("aegis.local/test"), { manifest });

const propose = ({ post }: Deciding, payload: JsonObject) =>
  post("/v1/events", {
    ...{ tenant_id: "acme", session_id: "s", event_type: "TOOL_CALL_PROPOSED" },
    payload,
  });

async function consumed({ get }: Deciding): Promise<unknown> {
  return (await get("/v1/sessions/s/snapshot?tenant_id=acme")).body.tool_calls_consumed;
}

async function reasons(one: Deciding, calls: readonly JsonObject[]): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (const { tool, ...more } of calls) {
    found.push((await one.decide("s", proposal(String(tool), more as JsonObject))).body.reason);
  }
  return found;
}

test.each([
  ["without a call id", {}],
  ["with one and the same", { call_id: "c" }],
])("the same call thirty times is a loop from the second on: %s", async (_, more) => {
  const one = server();
  const same = new Array(30).fill({ tool: "a", args: { x: 1 }, ...more });
  const [first, ...others] = await reasons(one, same);
  expect(first).toBe("OK");
  expect(others).toEqual([...new Array(11).fill("LOOP_DETECTED"), ...others.slice(11)]);
  expect(others.slice(11)).toEqual(new Array(18).fill("BUDGET_EXCEEDED"));
});

test("calls that are only asked about use up their budget", async () => {
  const one = server();
  const calls = Array.from({ length: 4 }, (_, at) => ({ tool: "a", args: { at } }));
  expect(await reasons(one, calls)).toEqual(["OK", "OK", "OK", "OK"]);
  expect(await consumed(one)).toBe(4);
});

describe("a call counts once", () => {
  const call = { tool_name: "a", call_id: "c1", args: { x: 1 } };
  const asked = { tool: "a", call_id: "c1", args: { x: 1 } };

  test("proposed before it is decided", async () => {
    const one = server();
    await propose(one, call);
    expect(await reasons(one, [asked])).toEqual(["OK"]);
    expect(await consumed(one)).toBe(1);
  });

  test("or afterwards", async () => {
    const one = server();
    expect(await reasons(one, [asked])).toEqual(["OK"]);
    await propose(one, call);
    expect(await consumed(one)).toBe(1);
  });

  test("or asked about again while a person is to decide", async () => {
    const one = server();
    const again = { tool: "b", args: {} };
    expect(await reasons(one, [again, again, again])).toEqual(
      new Array(3).fill("APPROVAL_REQUIRED"),
    );
    expect(await consumed(one)).toBe(1);
  });
});

test("what was only asked about can be decided again, and replayed exactly", async () => {
  const one = server();
  await reasons(one, [
    { tool: "a", args: { x: 1 } },
    { tool: "b", args: {} },
    { tool: "c" },
    { tool: "a", args: { x: 1 } },
  ]);
  for (const mode of ["live", "exact"]) {
    const { body } = await one.get(`/v1/sessions/s/replay?tenant_id=acme&mode=${mode}`);
    expect(body).toMatchObject({ diffs: [], identical: true, steps_replayed: 4 });
  }
});
