// Requests that MCP does not have and that a person lets pass: each is an event, and what cannot be
// recorded goes to nobody. Both sides are played here.

import { afterEach, describe, expect, test } from "bun:test";
import { createLiveStates } from "../../../src/app/serve/live-states.ts";
import { waitFor } from "../../support/harness.ts";
import { call, request, result, stdioScene } from "../../support/mcp-gate.ts";
import { echoes, endHttpScenes, httpScene, inSession, json } from "../../support/mcp-http.ts";

afterEach(endHttpScenes);

const passed = ["vendor/do"];
const payload = { tool_name: "mcp.methods.pass", method: "vendor/do", policy_ref: "pass-method" };
const ofClient = { type: "TOOL_CALL_ALLOWED", payload: { ...payload, from: "client" } };
const ofServer = { type: "TOOL_CALL_ALLOWED", payload: { ...payload, from: "server" } };

describe("a request that is let pass", () => {
  test("is an event over stdio, without its parameters, of both sides", async () => {
    const { client, server, toClient, toServer, events, log } = stdioScene({ passed });
    const secret = { params: { text: "of nobody's concern" } };
    const [mine, theirs] = [
      { ...request(1, "vendor/do"), ...secret },
      { ...request(7, "vendor/do"), ...secret },
    ];
    await client(mine, { ...mine, id: 2 }, request(3, "tools/list"));
    expect(toServer).toHaveLength(3);
    await server(theirs, request(8, "roots/list"));
    await waitFor("what the server asks", () => toClient.length > 1);
    expect(toClient).toContain(JSON.stringify(theirs));
    const recorded = (await events()).map(({ type, payload }) => ({ type, payload }));
    expect<unknown>(recorded).toEqual([ofClient, ofClient, ofServer]);
    // As other requests that are no tool calls, it is no step.
    const state = await createLiveStates(log).current("acme", "s");
    expect(state.budgets).toMatchObject({ steps_consumed: 0, tool_calls_consumed: 0 });
  });

  test("is an event over HTTP", async () => {
    const { send, events, seen } = httpScene(echoes, undefined, undefined, [], passed);
    expect((await send(request(1, "vendor/do"))).status).toBe(200);
    expect((await send(request(2, "tools/list"))).status).toBe(200);
    expect(seen).toHaveLength(2);
    expect(await events()).toMatchObject([ofClient]);
  });

  test("is known by its id over HTTP while it is recorded", async () => {
    const held = Promise.withResolvers<void>();
    const handler = async (_: Request, { id }: { readonly id: number }) => {
      await held.promise;
      return json(result(id));
    };
    const { send, events, seen } = httpScene(handler, undefined, undefined, [], passed);
    const ask = () => send(request(1, "vendor/do"), inSession("m1"));
    const both = [ask(), ask()];
    expect((await Promise.race(both)).status).toBe(400);
    held.resolve();
    const statuses = (await Promise.all(both)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 400]);
    expect(seen).toHaveLength(1);
    expect(await events()).toMatchObject([ofClient]);
  });

  test("is an event among the questions of an answer", async () => {
    const inputRequests = { a: { method: "vendor/do", params: {} } };
    const asking = { resultType: "input_required", inputRequests };
    const { send, events } = httpScene(
      (_, { id }) => json(result(id, asking)),
      ...[undefined, undefined, [], passed],
    );
    expect(await (await send(request(1, "tools/list"))).text()).toContain("input_required");
    expect(await events()).toMatchObject([ofServer]);
  });

  test("goes to nobody where it cannot be recorded", async () => {
    // No client may record anything for this machine's own tenant.
    const { client, server, toClient, toServer } = stdioScene({ passed, tenant: "local" });
    await client(request(1, "vendor/do"), request(2, "tools/list"));
    await server(request(7, "vendor/do"));
    await waitFor("the refusal", () => toServer.length > 1);
    const unrecorded = { error: { code: -32603, data: { reason: "NOT_RECORDED" } } };
    expect(toClient.map((text) => JSON.parse(text))).toMatchObject([{ id: 1, ...unrecorded }]);
    expect(toServer.map((text) => JSON.parse(text))).toMatchObject([
      { id: 2, method: "tools/list" },
      { id: 7, ...unrecorded },
    ]);
  });

  test("lends its name to no tool", async () => {
    const { client, toClient, toServer } = stdioScene({ passed });
    await client(call(1, "mcp.methods.pass"));
    expect(toServer).toEqual([]);
    expect(toClient[0]).toContain("stands for a request of the protocol");
  });
});
