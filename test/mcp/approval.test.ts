// Tool calls that wait for a person who decides with `aegis approve`, from another process.

import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ElicitRequestSchema, type McpError } from "@modelcontextprotocol/sdk/types.js";
import { spawnAegis, waitFor } from "../support/harness.ts";
import {
  budgets,
  type Connected,
  connectStdio,
  type McpPlace,
  mcpPlace,
  recordedTypes,
} from "../support/mcp.ts";
import { testMs } from "../support/patience.ts";
import { serveAs } from "../support/served.ts";

setDefaultTimeout(testMs);

const permissions = { tools: ["needs_approval"], approval_required: ["needs_approval"], budgets };
const call = { name: "needs_approval", arguments: { text: "please" } };

/** From what the proxy tells the person who started it. */
function tokenFrom(proxy: Connected): Promise<string> {
  return waitFor("a token to approve", () => /aegis approve (\S+) /.exec(proxy.said())?.[1]);
}

async function decide(place: McpPlace, token: string, ...flags: string[]): Promise<string> {
  const server = await serveAs(place.env, place.ledger);
  try {
    const args = ["approve", token, "--tenant", "acme", "--server", server.url.replace(/\/$/, "")];
    const { exitCode, stdout, stderr } = await spawnAegis([...args, ...flags]);
    if (exitCode !== 0) throw new Error(stderr);
    return stdout;
  } finally {
    await server.stop();
  }
}

test("an approved call goes on, once", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const waiting = proxy.client.callTool(call);
  await decide(place, await tokenFrom(proxy), "--allow");
  expect((await waiting).content).toEqual([{ type: "text", text: "please" }]);
  expect(await recordedTypes(place)).toEqual([
    "TOOL_CALL_PROPOSED",
    "APPROVAL_REQUESTED",
    "APPROVAL_DECIDED",
    "TOOL_CALL_ALLOWED",
    "TOOL_RESULT",
  ]);
  const again = proxy.client.callTool(call);
  await expect(again).rejects.toThrow("LOOP_DETECTED");
});

test("a denied call does not, and the reason of the person is told", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const waiting = proxy.client.callTool(call).catch((error: McpError) => error);
  await decide(place, await tokenFrom(proxy), "--deny", "--message", "not today");
  expect((await waiting) as McpError).toMatchObject({
    code: -32000,
    message: expect.stringContaining("not today"),
    data: { reason: "APPROVAL_DENIED" },
  });
  expect((await recordedTypes(place)).at(-1)).toBe("TOOL_CALL_DENIED");
});

test("the tool is called with what the person made of the arguments", async () => {
  const place = mcpPlace(permissions);
  await using proxy = await connectStdio(place);
  const waiting = proxy.client.callTool(call);
  const edit = join(place.folder, "edit.json");
  writeFileSync(edit, '{"text":"instead"}');
  const said = await decide(place, await tokenFrom(proxy), "--allow", "--edit", edit);
  expect(said).toContain('change text: "please" -> "instead"');
  expect((await waiting).content).toEqual([{ type: "text", text: "instead" }]);
});

test("who is told to come back goes on later, also through another proxy", async () => {
  const place = mcpPlace(permissions);
  let token = "";
  {
    await using proxy = await connectStdio(place, ["--approval-wait", "0"]);
    const refused = await proxy.client.callTool(call).catch((error: McpError) => error);
    expect(refused).toMatchObject({ code: -32001, data: { reason: "APPROVAL_REQUIRED" } });
    token = ((refused as McpError).data as { approval_token: string }).approval_token;
    expect((refused as McpError).message).toContain(`aegis approve ${token} --tenant acme`);
    await expect(proxy.client.callTool(call)).rejects.toThrow("approval required");
  }
  await decide(place, token, "--allow");
  await using proxy = await connectStdio(place, ["--approval-wait", "0"]);
  const { content } = await proxy.client.callTool(call);
  expect(content).toEqual([{ type: "text", text: "please" }]);
  expect((await recordedTypes(place)).filter((type) => type === "TOOL_CALL_PROPOSED")).toEqual([
    "TOOL_CALL_PROPOSED",
  ]);
});

test("a question to the user is put to a person first, who may change it", async () => {
  const name = "mcp.elicitation.create";
  const place = mcpPlace({ tools: ["asks", name], approval_required: [name], budgets });
  const client = new Client(
    { name: "test", version: "1.0.0" },
    { capabilities: { elicitation: {} } },
  );
  const asked: string[] = [];
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    asked.push(params.message);
    return { action: "accept" as const, content: { name: "this" } };
  });
  await using proxy = await connectStdio(place, [], undefined, client);
  const waiting = client.callTool({ name: "asks", arguments: {} });
  const token = await tokenFrom(proxy);
  expect(asked).toEqual([]);
  const edit = join(place.folder, "edit.json");
  const requestedSchema = { type: "object", properties: { name: { type: "string" } } };
  writeFileSync(edit, JSON.stringify({ message: "which one, please?", requestedSchema }));
  await decide(place, token, "--allow", "--edit", edit);
  expect((await waiting).content).toEqual([{ type: "text", text: '{"name":"this"}' }]);
  expect(asked).toEqual(["which one, please?"]);
});
