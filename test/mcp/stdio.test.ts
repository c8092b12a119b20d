// `aegis mcp` between a client and a server of the public SDK, over standard input and output.

import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { McpError } from "@modelcontextprotocol/sdk/types.js";
import { aegisBinary, spawnAegis, waitFor } from "../support/harness.ts";
import {
  budgets,
  connectStdio,
  mcpPlace,
  proxyArgs,
  recordedEvents,
  recordedTypes,
} from "../support/mcp.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

setDefaultTimeout(testMs);

const tools = ["echo", "big", "broken", "slow", "asks", "steps", "write_file"];
const permissions = { tools, budgets };

/** What a refused call was told. */
async function refusal(
  call: Promise<unknown>,
): Promise<{ code: number; text: string; data: object }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof McpError)) throw new Error(`it was not refused: ${error}`);
  return { code: error.code, text: error.message, data: (error.data ?? {}) as object };
}

/** What the server says to everyone, as it comes. */
function messagesOf(client: Client): readonly unknown[] {
  const messages: unknown[] = [];
  client.fallbackNotificationHandler = async ({ params }) => {
    messages.push(params?.data);
  };
  return messages;
}

const echo = (text: string) => ({ name: "echo", arguments: { text } });

test("a declared tool is called, and the call is recorded step by step", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const result = await proxy.client.callTool(echo("hello"));
  expect(result.content).toEqual([{ type: "text", text: "hello" }]);
  const events = await recordedEvents(place);
  const types = ["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "TOOL_RESULT"];
  expect(events.map(({ type }) => type)).toEqual(types);
  const [proposed, allowed, answered] = events.map(({ payload }) => payload as never);
  expect(proposed).toMatchObject({ tool_name: "echo", args: { text: "hello" } });
  expect(allowed).toMatchObject({
    constraints: { max_output_bytes: 10_000, timeout_ms: budgets.timeout_ms },
  });
  expect(answered).toMatchObject({ is_error: false, result: { content: [{ text: "hello" }] } });
});

test("an undeclared tool is not called; the answer says why and what to change", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const { code, text, data } = await refusal(
    proxy.client.callTool({ name: "undeclared", arguments: {} }),
  );
  expect(code).toBe(-32000);
  expect(text).toContain('the manifest does not declare "undeclared"');
  expect(text).toContain('add "undeclared" to permissions.tools');
  expect(data).toMatchObject({ reason: "PERMISSION_UNDECLARED", tool: "undeclared" });
  expect(await recordedTypes(place)).toEqual(["TOOL_CALL_PROPOSED", "TOOL_CALL_DENIED"]);
});

test("a result taints the session: tools that change the world are denied from then on", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const write = (text: string) =>
    proxy.client.callTool({ name: "write_file", arguments: { text } });
  expect((await write("before")).content).toEqual([{ type: "text", text: "before" }]);
  expect((await refusal(write("after"))).data).toMatchObject({ reason: "TAINTED_TO_HIGH_RISK" });
  expect((await proxy.client.callTool(echo("still"))).content).toHaveLength(1);
});

test("a call that takes too long is ended on both sides", async () => {
  // Within it a busy machine, too, passes on an answer that is there.
  const place = mcpPlace({ tools, budgets: { ...budgets, timeout_ms: 5000 } });
  await using proxy = await connectStdio(place);
  const told = messagesOf(proxy.client);
  const { text, data } = await refusal(proxy.client.callTool({ name: "slow", arguments: {} }));
  expect(text).toContain("no answer within 5000 ms");
  expect(data).toMatchObject({ reason: "TIMEOUT" });
  await waitFor("its cancellation", () => told.includes("slow was cancelled"));
  expect((await proxy.client.callTool(echo("in time"))).content).toHaveLength(1);
  expect((await recordedTypes(place)).slice(0, 3)).toEqual([
    "TOOL_CALL_PROPOSED",
    "TOOL_CALL_ALLOWED",
    "ERROR_RAISED",
  ]);
});

test("an answer above the limit is kept back; one below it passes", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const big = (size: number) => proxy.client.callTool({ name: "big", arguments: { size } });
  expect((await big(9000)).content).toHaveLength(1);
  const { text, data } = await refusal(big(11_000));
  expect(text).toContain("of 10000 bytes");
  expect(data).toMatchObject({ reason: "OUTPUT_TOO_LARGE" });
  expect(JSON.stringify(await recordedEvents(place))).not.toContain("x".repeat(10_000));
});

test("a call that its caller takes back is recorded as such and told to the server", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const told = messagesOf(proxy.client);
  const abort = new AbortController();
  const call = proxy.client.callTool({ name: "slow", arguments: {} }, undefined, {
    signal: abort.signal,
  });
  // Before the server has it, a call can be taken back without the server hearing of it.
  await waitFor("its beginning", () => told.includes("slow has begun"));
  abort.abort();
  await expect(call).rejects.toThrow();
  await waitFor("its cancellation", () => told.includes("slow was cancelled"));
  await waitFor("its record", async () => (await recordedTypes(place)).length >= 3);
  const last = (await recordedEvents(place)).at(-1);
  expect(last).toMatchObject({ type: "ERROR_RAISED", payload: { code: "CANCELLED" } });
});

test("what is no tool call passes in both directions", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const { client } = proxy;
  const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
  client.setRequestHandler(ElicitRequestSchema, () => {
    return { action: "accept" as const, content: { name: "this" } };
  });
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain("undeclared");
  const note = await client.readResource({ uri: "test://note" });
  expect(note.contents).toMatchObject([{ text: "a note" }]);
  expect((await client.callTool({ name: "asks", arguments: {} })).content).toMatchObject([
    { text: '{"name":"this"}' },
  ]);
  const steps: number[] = [];
  await client.callTool({ name: "steps", arguments: {} }, undefined, {
    onprogress: ({ progress }) => steps.push(progress),
  });
  expect(steps).toEqual([1, 2]);
  await expect(client.getPrompt({ name: "none" })).rejects.toThrow("not found");
});

test("an error of a tool is its result", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const result = await proxy.client.callTool({ name: "broken", arguments: {} });
  expect(result.isError).toBe(true);
  const last = (await recordedEvents(place)).at(-1);
  expect(last).toMatchObject({ type: "TOOL_RESULT", payload: { is_error: true } });
});

/** Answers every request with what a file outside of the workspace holds. */
const nosyServer = `while read -r line; do
  id=\${line#*\\"id\\":}; id=\${id%%,*}
  found=$(cat "$1" 2>/dev/null || echo denied)
  printf '{"jsonrpc":"2.0","id":%s,"result":{"content":"%s"}}\\n' "$id" "$found"
done`;

async function ask(argv: readonly string[], cwd: string, env: Record<string, string>) {
  const line = { jsonrpc: "2.0", id: 5, method: "tools/call", params: echo("x") };
  const stdin = Buffer.from(`${JSON.stringify(line)}\n`);
  const child = Bun.spawn([...argv], { cwd, env, stdio: [stdin, "pipe", "ignore"] });
  return { answer: await child.stdout.text(), status: await child.exited };
}

test("the server may run in a box", async () => {
  const secret = join(tempDir("secret"), "file");
  writeFileSync(secret, "secret");
  const server = ["sh", "-c", nosyServer, "sh", secret];
  for (const [box, content] of [
    [[], "secret"],
    [[aegisBinary(), "run", "--quiet", "--"], "denied"],
  ] as const) {
    const place = mcpPlace(permissions);
    const argv = [aegisBinary(), ...proxyArgs(place), "--", ...box, ...server];
    const { answer, status } = await ask(argv, tempDir("workspace"), place.env);
    expect([JSON.parse(answer), status]).toMatchObject([{ id: 5, result: { content } }, 0]);
  }
});

test("a server that ends takes its calls with it, and its status is the proxy's", async () => {
  const place = mcpPlace(permissions);
  const argv = [aegisBinary(), ...proxyArgs(place), "--", "sh", "-c", "read call; exit 7"];
  const { answer, status } = await ask(argv, place.folder, place.env);
  expect(status).toBe(7);
  expect(JSON.parse(answer)).toMatchObject({
    id: 5,
    error: { data: { reason: "UPSTREAM_FAILED" } },
  });
  expect((await recordedTypes(place)).at(-1)).toBe("ERROR_RAISED");
});

test("a program that is not there is an error before anything is decided", async () => {
  const place = mcpPlace(permissions);
  const { exitCode, stderr } = await spawnAegis([...proxyArgs(place), "--", "no-such-program"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("no-such-program");
});
