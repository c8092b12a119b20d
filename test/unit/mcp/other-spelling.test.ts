// Some servers and clients take a name in any case for the one they look for, and the last of two:
// Go's and .NET's do. What they would do must not be another thing than what was decided about.

import { afterEach, expect, test } from "bun:test";
import { messagesOf, otherSpelling } from "../../../src/mcp/message.ts";
import { request, result, stdioScene } from "../../support/mcp-gate.ts";
import { endHttpScenes, httpScene, json } from "../../support/mcp-http.ts";

afterEach(endHttpScenes);

const echo = { name: "echo", arguments: { a: 1 } };

test.each([
  ["a method", { ...request(1, "tools/list"), Method: "tools/call" }],
  ["parameters", { ...request(1, "tools/list"), PARAMS: echo }],
  ["an id", { jsonrpc: "2.0", method: "notifications/x", Id: 1 }],
  ["a method of a notification", { jsonrpc: "2.0", method: "notifications/x", Method: "ping" }],
  ["a result", { ...result(1), Result: {} }],
  ["an error", { ...result(1), erroR: {} }],
  ["a long s", { ...result(1), re\u017fult: {} }],
])("%s in another spelling makes it no message", (_, message) => {
  const read = messagesOf(JSON.stringify(message));
  expect(read).toMatchObject({ ok: false, error: { code: -32600 } });
  const plain = Object.fromEntries(Object.entries(message).slice(0, -1));
  expect(messagesOf(JSON.stringify(plain)).ok).toBe(true);
});

test("what is wrong names both spellings, and nothing else is wrong", () => {
  const members = new Map([
    ["name", null],
    ["Name", null],
  ]);
  expect(otherSpelling(members, ["name"])).toBe('"Name" may be taken for "name"');
  members.delete("Name");
  expect(otherSpelling(members.set("names", null), ["name"])).toBeUndefined();
});

const asked: readonly (readonly [string, object, object])[] = [
  ["tools/call", echo, { Name: "other" }],
  ["tools/call", echo, { Arguments: { a: 2 } }],
  ["tools/call", { name: "echo" }, { ARGUMENTS: { a: 2 } }],
  ["tools/call", { name: "echo" }, { "argument\u017f": { a: 2 } }],
  ["tools/call", echo, { InputResponses: {} }],
  ["resources/read", { uri: "a:b" }, { URI: "c:d" }],
  ["resources/subscribe", { uri: "a:b" }, { Uri: "c:d" }],
  ["prompts/get", { name: "p" }, { Name: "q" }],
  ["subscriptions/listen", { notifications: {} }, { Notifications: {} }],
];
for (const [method, params, more] of asked) {
  test(`${method} with ${JSON.stringify(more)} goes nowhere, without it it does`, async () => {
    const { client, toClient, toServer, types } = stdioScene();
    await client(request(1, method, { ...params, ...more }));
    expect(toServer).toEqual([]);
    expect(JSON.parse(toClient[0] ?? "")).toMatchObject({ id: 1, error: { code: -32602 } });
    expect(await types()).toEqual([]);
    await client(request(2, method, params));
    expect(toServer).toHaveLength(1);
  });
}

test("subscriptions are read by one name alone", async () => {
  const { client, toServer } = stdioScene();
  const listen = (notifications: object) => request(1, "subscriptions/listen", { notifications });
  await client(listen({ ResourceSubscriptions: ["a:b"] }));
  expect(toServer).toEqual([]);
});

test("arguments of a tool may have any names", async () => {
  const { client, toServer } = stdioScene();
  const free = { name: "echo", arguments: { name: "a", Name: "b", method: 1, METHOD: 2 } };
  await client(request(1, "tools/call", free));
  expect(toServer).toEqual([JSON.stringify(request(1, "tools/call", free))]);
});

test.each([
  ["the questions", { InputRequests: { a: { method: "elicitation/create", params: {} } } }],
  ["a method", { inputRequests: { a: { method: "roots/list", Method: "elicitation/create" } } }],
])("%s of an answer in another spelling do not reach the client", async (_, asked) => {
  const { client, server, toClient } = stdioScene();
  await client(request(1, "tools/call", echo));
  await server(result(1, { resultType: "input_required", ...asked }));
  while (toClient.length === 0) await Bun.sleep(1);
  expect(JSON.parse(toClient[0] ?? "")).toMatchObject({ id: 1, error: { code: -32000 } });
});

test("over HTTP it is the same", async () => {
  const { send, seen } = httpScene((_, { id }) => json(result(id, { content: [] })));
  const named = await send(request(1, "tools/call", { ...echo, Name: "other" }));
  expect(await named.json()).toMatchObject({ id: 1, error: { code: -32602 } });
  const hidden = await send({ ...request(1, "tools/list"), Method: "tools/call" });
  expect([hidden.status, await hidden.json()]).toMatchObject([400, { error: { code: -32600 } }]);
  expect(seen).toEqual([]);
  expect((await send(request(1, "tools/call", echo))).status).toBe(200);
});
