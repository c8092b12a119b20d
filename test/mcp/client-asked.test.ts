// What a server of the eras with sessions asks of its client while a call is under way: the
// client's model, the client's user. Since 2026-07-28 it is in answers: modern.test.ts.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import {
  budgets,
  connectStdio,
  type McpPlace,
  mcpPlace,
  proxyArgs,
  recordedEvents,
  startFront,
  startProxy,
  startServerProgram,
} from "../support/mcp.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

const sampling = "mcp.sampling.create";
const elicitation = "mcp.elicitation.create";
const tools = ["asks", "samples", "echo"];

type Connect = (
  place: McpPlace,
  client: Client,
  flags: readonly string[],
) => Promise<AsyncDisposable>;

async function overHttp(client: Client, url: string): Promise<void> {
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
}

const ways: readonly (readonly [string, Connect])[] = [
  ["stdio", (place, client, flags) => connectStdio(place, flags, undefined, client)],
  [
    "HTTP",
    async (place, client, flags) => {
      const server = await startServerProgram("tools.ts", "http");
      const proxy = await startProxy(place, server.url, proxyArgs(place, ...flags));
      await overHttp(client, proxy.url);
      return {
        async [Symbol.asyncDispose]() {
          await client.close();
          await proxy.stop();
          await server.stop();
        },
      };
    },
  ],
  [
    "HTTP in front of a command",
    async (place, client, flags) => {
      const front = await startFront(place, undefined, proxyArgs(place, ...flags));
      await overHttp(client, front.url);
      return {
        async [Symbol.asyncDispose]() {
          await client.close();
          await front.stop();
        },
      };
    },
  ],
];

/** Says what it was asked for. */
function answering() {
  const asked: string[] = [];
  const client = new Client(
    { name: "test", version: "1.0.0" },
    { capabilities: { elicitation: {}, sampling: {} } },
  );
  client.setRequestHandler(ElicitRequestSchema, () => {
    asked.push("user");
    return { action: "accept" as const, content: { name: "this" } };
  });
  client.setRequestHandler(CreateMessageRequestSchema, () => {
    asked.push("model");
    const content = { type: "text" as const, text: "7" };
    return { model: "a-model", role: "assistant" as const, content, stopReason: "endTurn" };
  });
  const call = async (name: string, args: object = {}): Promise<string> => {
    const { content, isError } = await client.callTool({ name, arguments: { ...args } });
    const [{ text }] = content as [{ text: string }];
    return isError === true ? `error: ${text}` : text;
  };
  return { client, asked, call };
}

describe.each(ways)("over %s", (_, connect) => {
  test("a user and a model are asked where the manifest names it, and both are recorded", async () => {
    const place = mcpPlace({ tools: [...tools, sampling, elicitation], budgets });
    const { client, asked, call } = answering();
    await using _connection = await connect(place, client, []);
    expect(await call("asks")).toBe('{"name":"this"}');
    expect(await call("samples")).toBe("a-model");
    expect(asked).toEqual(["user", "model"]);
    const events = await recordedEvents(place);
    const about = (name: string) =>
      events.filter(({ payload }) => (payload as { tool_name?: string }).tool_name === name);
    expect(about(elicitation).map(({ type }) => type)).toEqual([
      ...["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "TOOL_RESULT"],
    ]);
    expect(about(elicitation)[2]?.payload).toMatchObject({ result: { content: { name: "this" } } });
    expect(about(sampling)[0]?.payload).toMatchObject({ args: { maxTokens: 9 } });
    const models = events.filter(({ type }) => type.startsWith("MODEL_CALL_"));
    expect(models.map(({ type }) => type)).toEqual(["MODEL_CALL_STARTED", "MODEL_CALL_FINISHED"]);
    expect(models[1]?.payload).toMatchObject({ model_id: "a-model" });
  });

  test("neither is asked where it does not, and the server is told why", async () => {
    const place = mcpPlace({ tools: [...tools, "mcp.resources.read"], budgets });
    const { client, asked, call } = answering();
    await using _connection = await connect(place, client, []);
    expect(await call("asks")).toContain('does not declare "mcp.elicitation.create"');
    expect(await call("samples")).toContain('does not declare "mcp.sampling.create"');
    expect(asked).toEqual([]);
    const denied = (await recordedEvents(place)).filter(({ type }) => type === "TOOL_CALL_DENIED");
    expect(denied.map(({ payload }) => payload)).toMatchObject([
      { tool_name: elicitation, reason: "PERMISSION_UNDECLARED" },
      { tool_name: sampling, reason: "PERMISSION_UNDECLARED" },
    ]);
  });

  test("sampling ends with the budget of model calls", async () => {
    const limits = { ...budgets, max_model_calls: 2 };
    const place = mcpPlace({ tools, budgets: limits });
    const { client, asked, call } = answering();
    await using _connection = await connect(place, client, []);
    expect(await call("samples", { times: 3 })).toContain("2 of 2 model calls");
    expect(asked).toEqual(["model", "model"]);
  });
});

test("--declared-only asks nobody for what a manifest of tools alone does not name", async () => {
  const place = mcpPlace({ tools, budgets });
  const { client, asked, call } = answering();
  await using _connection = await connectStdio(place, ["--declared-only"], undefined, client);
  expect(await call("asks")).toStartWith("error: ");
  expect(asked).toEqual([]);
});
