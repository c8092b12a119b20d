// Requests that MCP does not have, in both directions and over both ways: no server may take one
// for what is decided about. Both sides are played here.

import { afterEach, describe, expect, test } from "bun:test";
import { isDecidedOfClient } from "../../../src/mcp/client-asked.ts";
import { passedMethods, unknownMethod } from "../../../src/mcp/methods.ts";
import { isDecidedAbout } from "../../../src/mcp/tool-call.ts";
import { waitFor } from "../../support/harness.ts";
import { request, result, stdioScene } from "../../support/mcp-gate.ts";
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

const params = { name: "rm", arguments: {} };
const unknown = ["tools/call ", "Tools/Call", "tools/call\u0000", "tools", "vendor/do", ""];
const refused = { code: -32601 };
const raised = { type: "ERROR_RAISED", payload: { code: "METHOD_UNKNOWN" } };

describe("a request that MCP does not have", () => {
  test.each(unknown)("of a client over stdio: %j is refused and recorded", async (method) => {
    const { client, toClient, toServer, events } = stdioScene();
    const ping = request(2);
    await client(request(1, method, params), [request(3, method, params)], ping);
    expect(toClient.map((text) => JSON.parse(text))).toMatchObject([
      { id: 1, error: refused },
      [{ id: 3, error: refused }],
    ]);
    expect(toServer).toEqual([JSON.stringify(ping)]);
    expect(await events()).toMatchObject([raised, raised]);
  });

  test.each(unknown)("of a server over stdio: %j is refused and recorded", async (method) => {
    const { server, toClient, toServer, events } = stdioScene();
    const roots = request(8, "roots/list");
    await server(request(7, method), roots);
    await waitFor("the refusal", () => toServer.length > 0);
    expect(toClient).toEqual([JSON.stringify(roots)]);
    expect(toServer.map((text) => JSON.parse(text))).toMatchObject([{ id: 7, error: refused }]);
    expect(await events()).toMatchObject([raised]);
  });

  const version = "2026-07-28";
  const _meta = { "io.modelcontextprotocol/protocolVersion": version };
  test.each([
    ["in a session", inSession("m1"), {}, 200],
    ["since 2026-07-28", { "MCP-Protocol-Version": version }, { _meta }, 404],
  ] as const)(
    "of a client over HTTP, %s, is refused and recorded",
    async (_, headers, more, status) => {
      const { send, seen, events } = scene(echoes);
      const named = (method: string) => ({ ...headers, "Mcp-Method": method });
      const answer = await send(
        request(1, "Tools/Call", { ...params, ...more }),
        named("Tools/Call"),
      );
      expect([answer.status, await answer.json()]).toMatchObject([
        status,
        { id: 1, error: refused },
      ]);
      expect(seen).toEqual([]);
      expect(await events()).toMatchObject([raised]);
      const listed = await send(request(2, "tools/list", more), named("tools/list"));
      expect([listed.status, seen.length]).toEqual([200, 1]);
    },
  );

  test("of a server over HTTP is answered for the client, who does not see it", async () => {
    const roots = request(8, "roots/list");
    const { send, seen, events } = scene((_, { id, method }) =>
      method === "tools/list"
        ? stream(
            ...[request(7, "Sampling/createMessage"), roots, result(id, content)].map((one) =>
              event(one),
            ),
          )
        : json({}),
    );
    const answer = await send(request(1, "tools/list"));
    expect(await answer.text()).toBe(event(roots) + event(result(1, content)));
    expect(seen.map(({ text }) => JSON.parse(text))).toMatchObject([
      { id: 1 },
      { id: 7, error: refused },
    ]);
    expect(await events()).toMatchObject([raised]);
  });

  test("among the questions of an answer ends the answer", async () => {
    const asked = (method: string) => ({
      resultType: "input_required",
      inputRequests: { a: { method, params: {} } },
    });
    for (const [method, isPassed] of [
      ["roots/list", true],
      ["vendor/ask", false],
    ] as const) {
      const { send, events } = scene((_, { id }) => json(result(id, asked(method))));
      const text = await (await send(request(1, "tools/list"))).text();
      expect(text.includes("input_required")).toBe(isPassed);
      expect(await events()).toMatchObject(isPassed ? [] : [raised]);
    }
  });

  test("passes where a person says so, that one alone", async () => {
    const { client, server, toClient, toServer, types } = stdioScene({ passed: ["vendor/do"] });
    const [mine, theirs] = [request(1, "vendor/do"), request(7, "vendor/do")];
    await client(mine, request(2, "vendor/do2"));
    await server(theirs);
    await waitFor("what the server asks", () => toClient.length > 1);
    expect(toServer).toEqual([JSON.stringify(mine)]);
    expect(toClient[1]).toBe(JSON.stringify(theirs));
    expect(JSON.parse(toClient[0] ?? "")).toMatchObject({ id: 2, error: refused });
    expect(await types()).toEqual(["TOOL_CALL_ALLOWED", "ERROR_RAISED", "TOOL_CALL_ALLOWED"]);
  });
});

describe("what a person may let pass", () => {
  test.each(["Tools/Call", " tools/call", "tools/call", "SAMPLING/createmessage", ""])(
    "is not %j",
    (method) => {
      expect(() => passedMethods(["vendor/do", method])).toThrow(/^Cannot let a request/);
    },
  );

  test("is what MCP does not have", () => {
    expect(passedMethods(["vendor/do", "tools/call2"])).toEqual(["vendor/do", "tools/call2"]);
  });
});

test("what is decided about is known from the side that asks it, and not from the other", () => {
  const ofClient = ["tools/call", "resources/read", "resources/subscribe", "prompts/get"];
  const ofServer = ["sampling/createMessage", "elicitation/create"];
  expect([...ofClient, "subscriptions/listen"].every(isDecidedAbout)).toBe(true);
  expect(ofServer.every(isDecidedOfClient)).toBe(true);
  for (const method of ofClient) {
    expect(unknownMethod("client", method, [])).toBeUndefined();
    expect(unknownMethod("server", method, [])).toContain("--pass-method");
  }
  for (const method of ofServer) {
    expect(unknownMethod("server", method, [])).toBeUndefined();
    expect(unknownMethod("client", method, [])).toContain("--pass-method");
  }
});
