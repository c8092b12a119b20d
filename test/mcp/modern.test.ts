// The protocol as it is since 2026-07-28: the proxy between a client and a server of the SDK of
// that version, over both transports.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { aegisBinary, waitFor } from "../support/harness.ts";
import {
  budgets,
  type McpPlace,
  mcpPlace,
  proxyArgs,
  recordedEvents,
  recordedTypes,
  startFront,
  startProxy,
  startServerProgram,
} from "../support/mcp.ts";
import {
  connectModern,
  modernClient,
  modernProgram,
  modernVersion,
} from "../support/mcp-modern.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

const tools = ["echo", "big", "slow", "asks", "write_file", "change_note"];

interface Connected {
  readonly client: Client;
  /** What the server says on standard error. */
  said(): string;
  close(): Promise<void>;
}

async function overStdio(place: McpPlace): Promise<Connected> {
  const client = modernClient();
  const args = [...proxyArgs(place), "--", process.execPath, modernProgram];
  const { folder: cwd, env } = place;
  const command = aegisBinary();
  const transport = new StdioClientTransport({ command, args, cwd, env, stderr: "pipe" });
  let said = "";
  transport.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await client.connect(transport);
  return { client, said: () => said, close: () => client.close() };
}

async function overHttp(place: McpPlace): Promise<Connected> {
  const server = await startServerProgram("modern.ts", "http");
  const proxy = await startProxy(place, server.url);
  const client = await connectModern(proxy.url);
  return {
    client,
    said: server.said,
    async close() {
      await client.close();
      await proxy.stop();
      await server.stop();
    },
  };
}

const command = [process.execPath, modernProgram];

/** The server knows standard input and output alone. */
async function overBoth(place: McpPlace): Promise<Connected> {
  const front = await startFront(place, command);
  const client = await connectModern(front.url);
  return {
    client,
    said: front.said,
    async close() {
      await client.close();
      await front.stop();
    },
  };
}

const echo = (text: string) => ({ name: "echo", arguments: { text } });

describe.each([
  ["stdio", overStdio],
  ["HTTP", overHttp],
  ["HTTP in front of a command", overBoth],
] as const)("since 2026-07-28, over %s,", (_, connect) => {
  async function proxied(
    limits: object,
    use: (one: Connected, place: McpPlace) => Promise<void>,
  ): Promise<void> {
    const place = mcpPlace({ tools, budgets: { ...budgets, ...limits } });
    const connected = await connect(place);
    try {
      expect(connected.client.getNegotiatedProtocolVersion()).toBe(modernVersion);
      await use(connected, place);
    } finally {
      await connected.close();
    }
  }

  test("a declared tool is called and recorded; an undeclared one is not called", async () => {
    await proxied({}, async ({ client }, place) => {
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain("undeclared");
      expect((await client.callTool(echo("hi"))).content).toEqual([{ type: "text", text: "hi" }]);
      const refused = client.callTool({ name: "undeclared", arguments: {} });
      await expect(refused).rejects.toMatchObject({
        code: -32000,
        data: { reason: "PERMISSION_UNDECLARED" },
      });
      expect(await recordedTypes(place)).toEqual([
        ...["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "TOOL_RESULT"],
        ...["TOOL_CALL_PROPOSED", "TOOL_CALL_DENIED"],
      ]);
    });
  });

  test("results taint, and an answer above the limit is kept back", async () => {
    await proxied({}, async ({ client }) => {
      await client.callTool(echo("hi"));
      const write = client.callTool({ name: "write_file", arguments: { text: "x" } });
      await expect(write).rejects.toMatchObject({ data: { reason: "TAINTED_TO_HIGH_RISK" } });
      const big = (size: number) => client.callTool({ name: "big", arguments: { size } });
      await expect(big(11_000)).rejects.toMatchObject({ data: { reason: "OUTPUT_TOO_LARGE" } });
      expect((await big(9000)).content).toHaveLength(1);
    });
  });

  test("a question is part of its call, and the answer goes on with it", async () => {
    await proxied({}, async ({ client }, place) => {
      const { content } = await client.callTool({ name: "asks", arguments: { text: "hello" } });
      expect(content).toEqual([{ type: "text", text: "hello Ada" }]);
      const events = await recordedEvents(place);
      expect(events.map(({ type }) => type)).toEqual([
        ...["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "TOOL_RESULT"],
        ...["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "TOOL_RESULT"],
        ...["TOOL_CALL_ALLOWED", "TOOL_RESULT"],
      ]);
      type Of = { readonly call_id: string; readonly tool_name: string };
      const payloads = events.map(({ payload }) => payload as Of);
      const own = payloads.filter(({ tool_name }) => tool_name === "asks");
      expect(new Set(own.map(({ call_id }) => call_id)).size).toBe(1);
      expect(payloads[5]).toMatchObject({
        tool_name: "mcp.elicitation.create",
        result: { action: "accept", content: { name: "Ada" } },
      });
    });
  });

  test("a question that the manifest does not name ends its call unasked", async () => {
    const place = mcpPlace({ tools: [...tools, "mcp.resources.read"], budgets });
    const { client, close } = await connect(place);
    try {
      let isAsked = false;
      client.setRequestHandler("elicitation/create", () => {
        isAsked = true;
        return { action: "decline" as const };
      });
      const refused = client.callTool({ name: "asks", arguments: { text: "hello" } });
      await expect(refused).rejects.toMatchObject({
        code: -32000,
        data: { reason: "PERMISSION_UNDECLARED", tool: "mcp.elicitation.create" },
      });
      expect(isAsked).toBe(false);
      expect((await client.callTool(echo("hi"))).content).toHaveLength(1);
    } finally {
      await close();
    }
  });

  test("a call that takes too long is ended at the server as well", async () => {
    await proxied({ timeout_ms: 5000 }, async ({ client, said }, place) => {
      const slow = client.callTool({ name: "slow", arguments: {} });
      await expect(slow).rejects.toMatchObject({ data: { reason: "TIMEOUT" } });
      await waitFor("its cancellation", () => said().includes("slow was cancelled"));
      expect((await client.callTool(echo("in time"))).content).toHaveLength(1);
      expect((await recordedTypes(place)).slice(0, 3)).toEqual([
        ...["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "ERROR_RAISED"],
      ]);
    });
  });

  test("progress passes, and a call taken back is ended at the server as well", async () => {
    await proxied({}, async ({ client, said }, place) => {
      const abort = new AbortController();
      const { signal } = abort;
      const steps = new Set<number>();
      const onprogress = ({ progress }: { progress: number }) => void steps.add(progress);
      const call = client.callTool({ name: "slow", arguments: {} }, { signal, onprogress });
      const ended = call.then(() => "answered").catch(() => "ended");
      await waitFor("the second step", () => steps.has(2));
      abort.abort();
      expect(await ended).toBe("ended");
      await waitFor("its cancellation", () => said().includes("slow was cancelled"));
      await waitFor("its record", async () => (await recordedTypes(place)).length >= 3);
      const last = (await recordedEvents(place)).at(-1);
      expect(last).toMatchObject({ type: "ERROR_RAISED", payload: { code: "CANCELLED" } });
    });
  });

  test("resources, prompts and subscriptions pass", async () => {
    await proxied({}, async ({ client }) => {
      const { contents } = await client.readResource({ uri: "test://note" });
      expect(contents).toMatchObject([{ text: "a note" }]);
      const { messages } = await client.getPrompt({ name: "greet", arguments: { who: "Ada" } });
      expect(messages).toMatchObject([{ content: { text: "greet Ada" } }]);
      const changed = Promise.withResolvers<string>();
      client.setNotificationHandler("notifications/resources/updated", ({ params }) => {
        changed.resolve(params.uri);
      });
      const subscription = await client.listen({ resourceSubscriptions: ["test://note"] });
      expect(subscription.honoredFilter).toEqual({ resourceSubscriptions: ["test://note"] });
      await client.callTool({ name: "change_note", arguments: {} });
      expect(await changed.promise).toBe("test://note");
      await subscription.close();
    });
  });
});

test("clients that share a process do not get what is another one's", async () => {
  const place = mcpPlace({ tools, budgets });
  const front = await startFront(place, command);
  const clients = await Promise.all([connectModern(front.url), connectModern(front.url)]);
  try {
    // Both number their requests, and name their progress, from the same beginning on.
    const seen = await Promise.all(
      clients.map(async (client, at) => {
        const heard = Promise.withResolvers<void>();
        const abort = new AbortController();
        let steps = 0;
        const onprogress = (): void => {
          steps += 1;
          if (steps === 2) heard.resolve();
        };
        const { signal } = abort;
        const arguments_ = { text: `client ${at}` };
        const slow = client.callTool(
          { name: "slow", arguments: arguments_ },
          { onprogress, signal },
        );
        const ended = slow.catch(() => "ended");
        await heard.promise;
        const echoed = await client.callTool({ name: "echo", arguments: arguments_ });
        abort.abort();
        return { steps, echoed: echoed.content, ended: await ended };
      }),
    );
    expect(seen).toEqual(
      [0, 1].map((at) => ({
        steps: 2,
        echoed: [{ type: "text", text: `client ${at}` }],
        ended: "ended",
      })),
    );
  } finally {
    for (const client of clients) await client.close();
    await front.stop();
  }
});
