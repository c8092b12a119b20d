// The proxy between a client and a server that are both played here, line by line: what one of them
// can do to the other with ids, batches and answers nobody asked for.

import { describe, expect, test } from "bun:test";
import { createStdioProxy } from "../../../src/mcp/stdio.ts";
import { budgets, call, gateScene, request, result, session } from "../../support/mcp-gate.ts";

interface Scene {
  client(...lines: readonly (object | string)[]): Promise<void>;
  server(...lines: readonly (object | string)[]): Promise<void>;
  readonly toClient: string[];
  readonly toServer: string[];
  readonly said: string[];
  types(): Promise<readonly string[]>;
}

function scene(permissions?: object, approvalWaitMs?: number): Scene {
  const { gate, said, say, types } = gateScene(permissions, approvalWaitMs);
  const [toClient, toServer] = [[] as string[], [] as string[]];
  const proxy = createStdioProxy({
    ...{ gate, session, say },
    write: (text) => void toClient.push(text),
    send: async (text) => void toServer.push(text),
  });
  const stream = (lines: readonly (object | string)[]) => {
    const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
    return new Response(`${texts.join("\n")}\n`).body ?? new ReadableStream();
  };
  return {
    client: (...lines) => proxy.fromClient(stream(lines)),
    server: (...lines) => proxy.fromServer(stream(lines)),
    ...{ toClient, toServer, said },
    types,
  };
}

describe("ids", () => {
  test("an answer to a request that was never made is left out", async () => {
    const { server, toClient, said } = scene();
    await server(result(7), result("x"));
    expect(toClient).toEqual([]);
    expect(said).toHaveLength(2);
  });

  test("an id under way is not taken again; afterwards it is", async () => {
    const { client, server, toClient, toServer } = scene();
    await client(request(1), call(1), request("1"));
    expect(toServer).toEqual([request(1), request("1")].map((one) => JSON.stringify(one)));
    expect(toClient.map((text) => JSON.parse(text))).toMatchObject([
      { id: 1, error: { code: -32600 } },
    ]);
    await server(result(1, { a: 1 }));
    await client(call(1));
    expect(toServer).toHaveLength(3);
  });

  test("a number does not answer a text, nor one answer two requests", async () => {
    const { client, server, toClient, types } = scene();
    await client(call("1"));
    await server(result(1, { content: [] }));
    expect(toClient).toEqual([]);
    await server(result("1", { content: [] }), result("1", { content: ["again"] }));
    expect(toClient).toEqual([JSON.stringify(result("1", { content: [] }))]);
    expect(await types()).toEqual(["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "TOOL_RESULT"]);
  });

  test("the server cannot answer what was not sent yet", async () => {
    const permissions = { tools: ["echo"], approval_required: ["echo"] };
    const { client, server, toClient, toServer, said } = scene(permissions, 60_000);
    const waiting = client(call(1));
    while (said.length === 0) await Bun.sleep(5);
    await server(result(1, { content: ["too early"] }));
    expect([toClient, toServer]).toEqual([[], []]);
    await client({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
    await waiting;
  });

  test("the server's own requests have ids of their own", async () => {
    const { client, server, toClient, toServer } = scene();
    await client(call(1));
    await server(request(1, "roots/list"));
    await client(result(1, { roots: [] }));
    expect(toServer.at(-1)).toBe(JSON.stringify(result(1, { roots: [] })));
    await server(result(1, { content: [] }));
    expect(toClient).toEqual(
      [request(1, "roots/list"), result(1, { content: [] })].map((one) => JSON.stringify(one)),
    );
  });
});

describe("lines", () => {
  test("pass byte for byte, however they are spelled", async () => {
    const { client, server, toServer, toClient } = scene();
    const odd =
      ' { "jsonrpc" : "2.0", "method":"notifications\\u002fb", "params": {"n":1.0,"m":1e2, "z":{}} } ';
    await client(odd, "", "   ");
    await server(odd);
    expect(toServer).toEqual([odd]);
    expect(toClient).toEqual([odd]);
  });

  test("that are no messages are answered or left out, and the next one passes", async () => {
    const { client, server, toServer, toClient, said } = scene();
    await client("hello", `{"a":"${"x".repeat(5 << 20)}"}`, request(1));
    expect(toServer).toEqual([JSON.stringify(request(1))]);
    expect(toClient.map((text) => JSON.parse(text).error.code)).toEqual([-32700, -32700]);
    await server(
      "listening on port 1",
      '{"jsonrpc":"2.0","id":9,"result":1,"result":2}',
      result(1),
    );
    expect(toClient.at(-1)).toBe(JSON.stringify(result(1)));
    expect(said).toHaveLength(2);
  });

  test("a hidden second method does not reach the server", async () => {
    const { client, toServer } = scene();
    await client('{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}');
    expect(toServer).toEqual([]);
  });

  test("a spelled-out tools/call is decided about like any other", async () => {
    const { client, toServer, toClient } = scene();
    const hidden = '{"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"name":"\\u0078"}}';
    await client(hidden);
    expect(toServer).toEqual([]);
    expect(JSON.parse(toClient[0] ?? "")).toMatchObject({
      error: { data: { reason: "PERMISSION_UNDECLARED", tool: "x" } },
    });
  });
});

describe("without an id", () => {
  const asking = [
    ["tools/call", { name: "echo", arguments: {} }],
    ["resources/read", { uri: "file:///etc/passwd" }],
    ["prompts/get", { name: "x" }],
    ["completion/complete", {}],
  ] as const;
  const spelled = [
    ["none", (message: object) => message],
    ["null", (message: object) => ({ ...message, id: null })],
    ["none, in a batch", (message: object) => JSON.stringify([message, request(7)])],
  ] as const;
  for (const [method, params] of asking) {
    test.each(spelled)(`a ${method} is refused and recorded: %s`, async (_, spell) => {
      const { client, toServer, toClient, types, said } = scene();
      await client(spell({ jsonrpc: "2.0", method, params }));
      expect(toServer).toEqual([]);
      expect(toClient.map((text) => JSON.parse(text))).toMatchObject([
        { id: null, error: { code: -32600, message: expect.stringContaining(method) } },
      ]);
      expect(await types()).toEqual(["ERROR_RAISED"]);
      expect(said).toHaveLength(1);
      await client(call(1));
      expect(toServer).toHaveLength(1);
    });
  }

  test.each(["sampling/createMessage", "elicitation/create", "roots/list"])(
    "a %s of the server does not reach the client",
    async (method) => {
      const { server, toClient, said } = scene();
      const bare = { jsonrpc: "2.0", method, params: { message: "who?" } };
      await server(bare, { ...bare, id: null }, JSON.stringify([bare]));
      expect(toClient).toEqual([]);
      expect(said).toHaveLength(3);
      await server({ jsonrpc: "2.0", method: "notifications/message", params: {} });
      expect(toClient).toHaveLength(1);
    },
  );

  const answer = { jsonrpc: "2.0", id: null };
  const pages = { elicitations: [{ mode: "url", url: "http://127.0.0.1/", message: "x" }] };
  test.each([
    ["a result", { ...answer, result: { content: ["smuggled"] } }],
    ["a result that has none at all", { jsonrpc: "2.0", result: { content: ["smuggled"] } }],
    ["a long error", { ...answer, error: { code: -32700, message: "x".repeat(5000) } }],
    ["an error about something else", { ...answer, error: { code: -32000, message: "x" } }],
    ["pages to open", { ...answer, error: { code: -32042, message: "x", data: pages } }],
  ])("%s of the server does not reach the client", async (_, message) => {
    const { client, server, toClient, said } = scene();
    await client(call(1));
    await server(message);
    expect([toClient, said.length]).toEqual([[], 1]);
    await server(result(1, { content: [] }));
    expect(toClient).toEqual([JSON.stringify(result(1, { content: [] }))]);
  });

  test("an error says that a message could not be read, both ways", async () => {
    const { client, server, toClient, toServer } = scene();
    const unread = { ...answer, error: { code: -32700, message: "Parse error" } };
    await server(unread);
    await client(unread, { ...answer, error: { code: -32000, message: "x" } });
    expect([toClient, toServer]).toEqual([[JSON.stringify(unread)], [JSON.stringify(unread)]]);
  });
});

describe("a number that is another one as a double", () => {
  const asking = (id: number, amount: string) =>
    `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"amount":${amount}}}}`;

  test("is not decided about, sent or approved", async () => {
    const permissions = { tools: ["echo"], approval_required: ["echo"] };
    for (const scened of [scene(), scene(permissions)]) {
      const { client, toClient, toServer, types } = scened;
      await client(asking(1, "9007199254740993"), asking(2, "1234567890123456789"));
      expect(toServer).toEqual([]);
      expect(toClient.map((text) => JSON.parse(text))).toMatchObject([
        { id: 1, error: { code: -32000, data: { reason: "NUMBER_INEXACT", tool: "echo" } } },
        { id: 2, error: { message: expect.stringContaining('1234567890123456789 of "amount"') } },
      ]);
      expect(await types()).toEqual(["ERROR_RAISED", "ERROR_RAISED"]);
    }
  });

  test("is one as long as it needs more digits; others pass as they are spelled", async () => {
    const { client, toServer } = scene();
    const lines = ["9007199254740992", "0.1", "1.0", "1e3"].map((text, at) => asking(at, text));
    await client(...lines);
    expect(toServer).toEqual(lines);
  });
});

describe("batches", () => {
  test("are taken apart, and their answers come back together", async () => {
    const { client, server, toServer, toClient } = scene();
    const note = { jsonrpc: "2.0", method: "notifications/x" };
    await client(JSON.stringify([request(1), call(2), call(3, "other"), note]));
    expect(toServer.map((text) => JSON.parse(text).method).sort()).toEqual([
      "notifications/x",
      "ping",
      "tools/call",
    ]);
    expect(toClient).toEqual([]);
    await server(result(2, { content: [] }), result(1));
    const [answers] = toClient.map((text) => JSON.parse(text) as { id: number }[]);
    expect(answers?.map(({ id }) => id).sort()).toEqual([1, 2, 3]);
  });
});

describe("calls", () => {
  for (const [name, params] of [
    ["without a name", { arguments: {} }],
    ["with arguments that are no object", { name: "echo", arguments: [1] }],
    ["without parameters", undefined],
  ] as const) {
    test(`${name} are refused`, async () => {
      const { client, toServer, toClient, types } = scene();
      await client({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
      expect(toServer).toEqual([]);
      expect(JSON.parse(toClient[0] ?? "")).toMatchObject({ error: { code: -32602 } });
      expect(await types()).toEqual([]);
    });
  }

  test("whose number no ledger can hold are refused", async () => {
    const { client, toServer, toClient } = scene();
    const params = '{"name":"echo","arguments":{"n":1e999}}';
    await client(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`);
    expect(toServer).toEqual([]);
    expect(JSON.parse(toClient[0] ?? "")).toMatchObject({
      error: { code: -32000, data: { reason: "NUMBER_INEXACT" } },
    });
  });

  test("whose result no ledger can hold end without it", async () => {
    const { client, server, toClient } = scene();
    await client(call(1));
    await server('{"jsonrpc":"2.0","id":1,"result":{"content":[],"n":1e999}}');
    expect(JSON.parse(toClient[0] ?? "")).toMatchObject({ error: { code: -32603 } });
    expect(toClient[0]).not.toContain("1e999");
  });

  test("the same one twice is a loop, and what to do about it is said", async () => {
    const { client, server, toClient } = scene();
    await client(call(1, "echo", {}));
    await server(result(1, { content: [] }));
    await client(call(2, "echo", {}));
    const { error } = JSON.parse(toClient[1] ?? "") as { error: { message: string } };
    expect(error.message).toContain("LOOP_DETECTED");
    expect(error.message).toContain("echo with the same arguments");
  });

  test("that answer a question of the server go on, and are no loop", async () => {
    const { client, server, toServer, types } = scene();
    await client(call(1, "echo", {}));
    await server(result(1, { resultType: "input_required", inputRequests: {} }));
    const params = { name: "echo", arguments: {}, inputResponses: { a: {} } };
    await client(request(2, "tools/call", params));
    expect(toServer).toHaveLength(2);
    await server(result(2, { resultType: "complete", content: [] }));
    expect(await types()).toEqual([
      "TOOL_CALL_PROPOSED",
      ...["TOOL_CALL_ALLOWED", "TOOL_RESULT", "TOOL_CALL_ALLOWED", "TOOL_RESULT"],
    ]);
    await client(request(3, "tools/call", params));
    expect(toServer).toHaveLength(2);
  });

  test("that were asked something and do not answer it are a loop", async () => {
    const { client, server, toServer, toClient } = scene();
    await client(call(1, "echo", {}));
    await server(result(1, { resultType: "input_required", inputRequests: {} }));
    await client(call(2, "echo", {}));
    expect(toServer).toHaveLength(1);
    expect(toClient[1]).toContain("LOOP_DETECTED");
  });

  test("an error of the server is a result, and taints like one", async () => {
    const permissions = { tools: ["echo", "write_file"], budgets };
    const { client, server, toClient, types } = scene(permissions);
    await client(call(1));
    const failed = { jsonrpc: "2.0", id: 1, error: { code: -1, message: "do as I say" } };
    await server(failed);
    expect(toClient).toEqual([JSON.stringify(failed)]);
    await client(call(2, "write_file"));
    expect(toClient[1]).toContain("TAINTED_TO_HIGH_RISK");
    expect((await types()).slice(0, 3)).toEqual([
      "TOOL_CALL_PROPOSED",
      "TOOL_CALL_ALLOWED",
      "TOOL_RESULT",
    ]);
  });

  test("results that are fetched later are recorded and bounded as well", async () => {
    const { client, server, toClient, types } = scene();
    await client(
      request(1, "tasks/result", { taskId: "t" }),
      request(2, "tasks/get", { taskId: "t" }),
    );
    await server(result(2, { taskId: "t", status: "working" }));
    expect(await types()).toEqual([]);
    await server(result(1, { content: [{ type: "text", text: "hi" }] }));
    expect(await types()).toEqual(["TOOL_RESULT"]);
    await client(request(3, "tasks/result", { taskId: "t" }));
    await server(result(3, { content: [{ type: "text", text: "x".repeat(2000) }] }));
    expect(toClient.at(-1)).toContain("OUTPUT_TOO_LARGE");
  });

  test("taken back before they were sent never are", async () => {
    const { client, toServer, types } = scene({ tools: ["echo"], approval_required: ["echo"] });
    const cancelled = {
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: 1 },
    };
    await client(call(1), cancelled);
    expect(toServer).toEqual([]);
    expect(await types()).not.toContain("TOOL_CALL_ALLOWED");
  });
});
