// What asks for something and has no id, over HTTP in both eras: nobody could be answered, so
// nothing is decided about or recorded as a call. Both sides are played here.

import { afterEach, describe, expect, test } from "bun:test";
import { call, request, result } from "../../support/mcp-gate.ts";
import {
  content,
  echoes,
  endHttpScenes,
  event,
  inSession,
  json,
  httpScene as scene,
  stream,
} from "../../support/mcp-http.ts";

afterEach(endHttpScenes);

describe("requests without an id", () => {
  const version = "2026-07-28";
  const _meta = { "io.modelcontextprotocol/protocolVersion": version };
  const eras = [
    ["alone", {}, {}],
    ["in a session", { ...inSession("m1"), "MCP-Protocol-Version": "2025-11-25" }, {}],
    ["since 2026-07-28", { "MCP-Protocol-Version": version }, { _meta }],
  ] as const;
  const asking = [
    ["tools/call", { name: "echo", arguments: {} }, "echo"],
    ["resources/read", { uri: "file:///etc/passwd" }, "file:///etc/passwd"],
    ["prompts/get", { name: "x" }, "x"],
  ] as const;
  for (const [era, headers, more] of eras) {
    test.each(asking)(`${era}: a %s is refused and recorded`, async (method, params, name) => {
      const { send, seen, events } = scene(echoes);
      const bare = { jsonrpc: "2.0", method, params: { ...params, ...more } };
      const named = {
        ...headers,
        ...("_meta" in more && { "Mcp-Method": method, "Mcp-Name": name }),
      };
      for (const body of [bare, { ...bare, id: null }, [bare, request(1)]]) {
        const answer = await send(body, named);
        expect([answer.status, await answer.json()]).toMatchObject([
          400,
          { id: null, error: { code: -32600 } },
        ]);
      }
      expect(seen).toEqual([]);
      const code = "REQUEST_WITHOUT_ID";
      const raised = { type: "ERROR_RAISED", payload: { code } };
      expect(await events()).toMatchObject([raised, raised, raised]);
      const told = { jsonrpc: "2.0", method: "notifications/x", params: more };
      const noted = { ...headers, "Mcp-Method": "notifications/x" };
      expect((await send(told, noted)).status).toBe(200);
      expect((await send({ ...bare, id: 1 }, named)).status).toBe(200);
      expect(seen).toHaveLength(2);
    });
  }

  test("of the server do not reach the client, nor do answers without one", async () => {
    const bare = { jsonrpc: "2.0", method: "sampling/createMessage", params: {} };
    const answer = { jsonrpc: "2.0", id: null };
    const unread = { ...answer, error: { code: -32700, message: "Parse error" } };
    const { send, said } = scene(() =>
      stream(
        ...[bare, { ...bare, id: null }, [bare]].map((one) => event(one)),
        event({ ...answer, result: { content: ["smuggled"] } }),
        event({ ...answer, error: { code: -32700, message: "x".repeat(5000) } }),
        event({ ...answer, error: { code: -32042, message: "x" } }),
        event(unread),
        event(result(1, content)),
      ),
    );
    expect(await (await send(call(1))).text()).toBe(event(unread) + event(result(1, content)));
    expect(said).toHaveLength(6);
  });

  test("are not answered with a result that has none either", async () => {
    const { send } = scene(() => json({ jsonrpc: "2.0", id: null, result: content }));
    const answer = await send(call(1));
    expect(answer.status).toBe(502);
    expect(await answer.text()).not.toContain('"hi"');
  });
});
