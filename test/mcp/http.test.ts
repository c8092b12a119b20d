// `aegis mcp --listen` between a client and a server of the public SDK, over Streamable HTTP.

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../../src/base/hash.ts";
import {
  budgets,
  connectHttp,
  mcpPlace,
  proxyArgs,
  recordedEvents,
  recordedTypes,
  startProxy,
  startServerProgram,
} from "../support/mcp.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

const tools = ["echo", "big", "slow", "steps", "write_file"];
const server = await startServerProgram("tools.ts", "http");
afterAll(() => server.stop());

const echo = (text: string) => ({ name: "echo", arguments: { text } });

/** A proxy and a client of it, for as long as `use` runs. */
async function proxied(
  permissions: object,
  use: (
    client: Awaited<ReturnType<typeof connectHttp>>,
    place: ReturnType<typeof mcpPlace>,
  ) => Promise<void>,
): Promise<void> {
  const place = mcpPlace(permissions);
  const proxy = await startProxy(place, server.url);
  const client = await connectHttp(proxy.url);
  try {
    await use(client, place);
  } finally {
    await client.close();
    await proxy.stop();
  }
}

test("a declared tool is called and recorded; an undeclared one is not called", async () => {
  await proxied({ tools, budgets }, async (client, place) => {
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

test("results taint, and progress passes", async () => {
  await proxied({ tools, budgets }, async (client) => {
    const steps: number[] = [];
    await client.callTool({ name: "steps", arguments: {} }, undefined, {
      onprogress: ({ progress }) => steps.push(progress),
    });
    expect(steps).toEqual([1, 2]);
    const write = client.callTool({ name: "write_file", arguments: { text: "x" } });
    await expect(write).rejects.toMatchObject({ data: { reason: "TAINTED_TO_HIGH_RISK" } });
  });
});

test("time and size of a call are bounded", async () => {
  // Within it a busy machine, too, passes on an answer that is there.
  const bounds = { ...budgets, timeout_ms: 5000, max_output_bytes: 5000 };
  await proxied({ tools, budgets: bounds }, async (client, place) => {
    const slow = client.callTool({ name: "slow", arguments: {} });
    await expect(slow).rejects.toMatchObject({ data: { reason: "TIMEOUT" } });
    const big = (size: number) => client.callTool({ name: "big", arguments: { size } });
    await expect(big(6000)).rejects.toMatchObject({ data: { reason: "OUTPUT_TOO_LARGE" } });
    expect((await big(4000)).content).toHaveLength(1);
    const errors = (await recordedEvents(place)).filter(({ type }) => type === "ERROR_RAISED");
    expect(errors.map(({ payload }) => payload)).toMatchObject([
      { code: "TIMEOUT" },
      { code: "OUTPUT_TOO_LARGE" },
    ]);
  });
});

test("callers need a key where there are keys, and do not pass it on", async () => {
  const place = mcpPlace({ tools, budgets });
  const keys = join(place.folder, "keys");
  writeFileSync(
    keys,
    ["secret agent acme bot", "far agent other far", "eye monitor acme eye"]
      .map((line) => line.replace(/^\w+/, sha256Hex))
      .join("\n"),
  );
  const proxy = await startProxy(place, server.url, proxyArgs(place, "--keys", keys));
  try {
    await expect(connectHttp(proxy.url)).rejects.toThrow();
    await expect(connectHttp(proxy.url, { "X-API-Key": "wrong" })).rejects.toThrow();
    await expect(connectHttp(proxy.url, { Authorization: "Bearer far" })).rejects.toThrow();
    await expect(connectHttp(proxy.url, { Authorization: "Bearer eye" })).rejects.toThrow(
      "this key's is monitor",
    );
    const client = await connectHttp(proxy.url, { Authorization: "Bearer secret" });
    await client.callTool(echo("hi"));
    await client.close();
    const users = (await recordedEvents(place)).map(({ user }) => user);
    expect(new Set(users)).toEqual(new Set(["bot"]));
  } finally {
    await proxy.stop();
  }
});
