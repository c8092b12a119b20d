// What brings a server's content into a session without being a tool call: resources and prompts,
// decided about, recorded, bounded and tainting, for clients and servers of both eras.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnAegis, waitFor } from "../support/harness.ts";
import {
  budgets,
  connectHttp,
  connectStdio,
  type McpPlace,
  mcpPlace,
  proxyArgs,
  recordedEvents,
  recordedTypes,
  startFront,
  startProxy,
  startServerProgram,
} from "../support/mcp.ts";
import { connectModern, modernProgram } from "../support/mcp-modern.ts";
import { testMs } from "../support/patience.ts";
import { serveAs } from "../support/served.ts";

/** Each starts several programs. */
setDefaultTimeout(testMs);

interface Reading {
  readResource(params: { uri: string }): Promise<unknown>;
  getPrompt(params: { name: string; arguments: { who: string } }): Promise<unknown>;
  callTool(params: { name: string; arguments: { text: string } }): Promise<unknown>;
}

interface Connected {
  readonly client: Reading;
  close(): Promise<void>;
}

type Connect = (place: McpPlace, flags: readonly string[]) => Promise<Connected>;

const legacyStdio: Connect = async (place, flags) => {
  const { client } = await connectStdio(place, flags);
  return { client, close: () => client.close() };
};

const legacyHttp: Connect = async (place, flags) => {
  const server = await startServerProgram("tools.ts", "http");
  const proxy = await startProxy(place, server.url, proxyArgs(place, ...flags));
  const client = await connectHttp(proxy.url);
  const close = async (): Promise<void> => {
    await client.close();
    await proxy.stop();
    await server.stop();
  };
  return { client, close };
};

const modernHttp: Connect = async (place, flags) => {
  const server = [process.execPath, modernProgram];
  const front = await startFront(place, server, proxyArgs(place, ...flags));
  const client = await connectModern(front.url);
  const close = async (): Promise<void> => {
    await client.close();
    await front.stop();
  };
  return { client, close };
};

const note = { uri: "test://note" };
const greet = { name: "greet", arguments: { who: "Ada" } };
const write = { name: "write_file", arguments: { text: "x" } };
const named = ["mcp.resources.read", "mcp.prompts.get"];

async function proxied(
  connect: Connect,
  permissions: object,
  use: (client: Reading, place: McpPlace) => Promise<void>,
  ...flags: readonly string[]
): Promise<void> {
  const place = mcpPlace({ budgets, ...permissions });
  const { client, close } = await connect(place, flags);
  try {
    await use(client, place);
  } finally {
    await close();
  }
}

describe.each([
  ["stdio", legacyStdio],
  ["HTTP", legacyHttp],
  ["HTTP since 2026-07-28", modernHttp],
] as const)("over %s,", (_, connect) => {
  test("a manifest that knows tools alone lets them through; they are recorded and taint", async () => {
    await proxied(connect, { tools: ["write_file"] }, async (client, place) => {
      expect(await client.readResource(note)).toMatchObject({ contents: [{ text: "a note" }] });
      expect(await client.getPrompt(greet)).toMatchObject({
        messages: [{ content: { text: "greet Ada" } }],
      });
      const refused = client.callTool(write);
      await expect(refused).rejects.toMatchObject({ data: { reason: "TAINTED_TO_HIGH_RISK" } });
      const events = await recordedEvents(place);
      const about = { tool_name: "mcp.resources.read" };
      const prompt = { tool_name: "mcp.prompts.get" };
      expect(events).toMatchObject([
        { type: "TOOL_CALL_PROPOSED", payload: { ...about, args: note } },
        { type: "TOOL_CALL_ALLOWED", payload: { ...about, policy_ref: "default" } },
        { type: "TOOL_RESULT", payload: { ...about, is_error: false } },
        { type: "TOOL_CALL_PROPOSED", payload: { ...prompt, args: greet } },
        { type: "TOOL_CALL_ALLOWED", payload: { ...prompt, policy_ref: "default" } },
        { type: "TOOL_RESULT", payload: { ...prompt, is_error: false } },
        { type: "TOOL_CALL_PROPOSED" },
        { type: "TOOL_CALL_DENIED" },
      ]);
    });
  });

  test("one that names some of them lets no others through", async () => {
    await proxied(connect, { tools: ["mcp.prompts.get"] }, async (client, place) => {
      const refused = client.readResource(note);
      await expect(refused).rejects.toMatchObject({
        code: -32000,
        message: expect.stringContaining('add "mcp.resources.read" to permissions.tools'),
        data: { reason: "PERMISSION_UNDECLARED" },
      });
      await client.getPrompt(greet);
      const [, denied, , allowed] = await recordedEvents(place);
      expect(denied).toMatchObject({
        type: "TOOL_CALL_DENIED",
        payload: { tool_name: "mcp.resources.read", reason: "PERMISSION_UNDECLARED" },
      });
      expect(allowed).toMatchObject({ payload: { policy_ref: "policy" } });
    });
  });

  test("what is read is bounded like what a tool gives", async () => {
    const bounds = { ...budgets, max_output_bytes: 2000 };
    await proxied(connect, { tools: named, budgets: bounds }, async (client, place) => {
      const large = client.readResource({ uri: "test://large" });
      await expect(large).rejects.toMatchObject({ data: { reason: "OUTPUT_TOO_LARGE" } });
      expect(await client.readResource(note)).toMatchObject({ contents: [{ text: "a note" }] });
      expect(JSON.stringify(await recordedEvents(place))).not.toContain("x".repeat(100));
    });
  });
});

test("reading the same again and again is no loop and uses up no budget", async () => {
  const small = { ...budgets, max_steps: 6, max_tool_calls: 2 };
  await proxied(legacyStdio, { tools: ["echo"], budgets: small }, async (client) => {
    for (let at = 0; at < 10; at++) await client.readResource(note);
    const echo = (text: string) => client.callTool({ name: "echo", arguments: { text } });
    expect(await echo("one")).toMatchObject({ content: [{ text: "one" }] });
    await expect(echo("two")).rejects.toMatchObject({ data: { reason: "BUDGET_EXCEEDED" } });
    await expect(client.readResource(note)).rejects.toMatchObject({
      data: { reason: "BUDGET_EXCEEDED" },
    });
  });
});

test("with --declared-only a manifest that names none of them lets none through", async () => {
  const strict = "--declared-only";
  const read = (client: Reading) => client.readResource(note);
  await proxied(
    legacyStdio,
    { tools: ["echo"] },
    async (client, place) => {
      await expect(read(client)).rejects.toThrow("PERMISSION_UNDECLARED");
      expect(await recordedTypes(place)).toEqual(["TOOL_CALL_PROPOSED", "TOOL_CALL_DENIED"]);
    },
    strict,
  );
  await proxied(
    legacyStdio,
    { tools: named },
    async (client) => {
      expect(await read(client)).toMatchObject({ contents: [{ text: "a note" }] });
    },
    strict,
  );
});

test("a tool cannot take the name of a request", async () => {
  await proxied(legacyStdio, { tools: ["echo", ...named] }, async (client) => {
    const call = client.callTool({ name: "mcp.resources.read", arguments: { text: "x" } });
    await expect(call).rejects.toThrow("stands for a request of the protocol");
  });
});

test("subscriptions are decided about, and say nothing that taints", async () => {
  for (const [tools, isAllowed] of [
    [["echo", "write_file", "mcp.resources.subscribe"], true],
    [["echo", "write_file", "mcp.prompts.get"], false],
  ] as const) {
    const place = mcpPlace({ tools, budgets });
    await using proxy = await connectStdio(place);
    const subscribed = proxy.client.subscribeResource(note);
    if (isAllowed) await subscribed;
    else await expect(subscribed).rejects.toThrow("PERMISSION_UNDECLARED");
    const last = isAllowed ? "TOOL_CALL_ALLOWED" : "TOOL_CALL_DENIED";
    expect(await recordedTypes(place)).toEqual(["TOOL_CALL_PROPOSED", last]);
    expect(await proxy.client.callTool(write)).toMatchObject({ content: [{ text: "x" }] });
  }
});

test("a person decides about reading where the manifest wants that, and may change what is read", async () => {
  const place = mcpPlace({ tools: named, approval_required: named, budgets });
  await using proxy = await connectStdio(place);
  const reading = proxy.client.readResource({ uri: "test://large" });
  const token = await waitFor("the question", () => /aegis approve (\S+) /.exec(proxy.said())?.[1]);
  const edit = join(place.folder, "edit.json");
  writeFileSync(edit, JSON.stringify(note));
  const server = await serveAs(place.env, place.ledger);
  try {
    const who = ["--tenant", "acme", "--server", server.url.replace(/\/$/, "")];
    const how = ["--allow", "--edit", edit];
    const said = await spawnAegis(["approve", token, ...who, ...how]);
    expect(said).toMatchObject({ exitCode: 0 });
  } finally {
    await server.stop();
  }
  expect(await reading).toMatchObject({ contents: [{ text: "a note" }] });
});

test("a request without what it is about goes nowhere", async () => {
  const place = mcpPlace({ tools: named, budgets });
  await using proxy = await connectStdio(place);
  const read = proxy.client.request(
    { method: "resources/read", params: {} },
    (await import("@modelcontextprotocol/sdk/types.js")).EmptyResultSchema,
  );
  await expect(read).rejects.toThrow("invalid resources/read params: its uri is missing");
  expect(await recordedTypes(place)).toEqual([]);
});
