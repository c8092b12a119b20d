// JSON takes line breaks for white space, and servers take them for the ends of messages: what
// stands between two of them must not reach a server as a message that nobody decided about.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { aegisBinary, repoRoot } from "../support/harness.ts";
import { type McpPlace, mcpPlace, proxyArgs, recordedEvents, startFront } from "../support/mcp.ts";
import { programMs, testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

const initialize = {
  jsonrpc: "2.0",
  id: "begin",
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "test", version: "1.0.0" },
  },
};
const call = (id: number, name: string) =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":{}}}`;
/** One message to whoever reads JSON, and a call of its own to whoever reads lines. */
const holding = (head: string, id: number, lineBreak: string) =>
  `{"jsonrpc":"2.0",${head},"params":{"_meta":${lineBreak}${call(id, "hidden")}${lineBreak}}}`;

function serverIn({ folder }: McpPlace) {
  const file = join(folder, "called");
  const program = join(repoRoot, "test/fixtures/mcp/any-break.ts");
  return {
    command: [process.execPath, program, file],
    called: () => readFileSync(file, "utf8").trim().split("\n"),
  };
}

async function recordedTools(place: McpPlace): Promise<readonly unknown[]> {
  const events = await recordedEvents(place);
  const proposed = events.filter(({ type }) => type === "TOOL_CALL_PROPOSED");
  return proposed.map(({ payload }) => (payload as { tool_name: string }).tool_name);
}

test.each([
  ["a request", '"id":1,"method":"tools/list"'],
  ["a notification", '"method":"notifications/initialized"'],
])("over standard input %s holds no call", async (_, head) => {
  const place = mcpPlace({ tools: ["echo"] });
  const { command, called } = serverIn(place);
  const child = Bun.spawn([aegisBinary(), ...proxyArgs(place, "--", ...command)], {
    env: place.env,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: programMs,
  });
  const lines = [JSON.stringify(initialize), holding(head, 2, "\r"), call(3, "echo")];
  child.stdin.write(`${lines.join("\n")}\n`);
  await child.stdin.end();
  const [said] = await Promise.all([child.stdout.text(), child.exited]);
  expect(called()).toEqual(["echo"]);
  expect(await recordedTools(place)).toEqual(["echo"]);
  expect(said).not.toContain("\r");
  const ids = said
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).id);
  expect(ids).toEqual(head.includes('"id"') ? ["begin", 1, 3] : ["begin", 3]);
});

test.each([
  ["a request", "\n", '"id":1,"method":"tools/list"'],
  ["a notification", "\n", '"method":"notifications/initialized"'],
  ["an answer", "\r", '"id":1,"result":{}'],
])("over HTTP %s holds no call", async (_, lineBreak, head) => {
  const place = mcpPlace({ tools: ["echo"] });
  const { command, called } = serverIn(place);
  const front = await startFront(place, command);
  try {
    let session: string | null = null;
    const send = async (body: string): Promise<Response> => {
      const headers = new Headers({ "Content-Type": "application/json" });
      if (session !== null) headers.set("Mcp-Session-Id", session);
      const response = await fetch(front.url, { method: "POST", headers, body });
      await response.clone().text();
      return response;
    };
    const begun = await send(JSON.stringify(initialize));
    session = begun.headers.get("Mcp-Session-Id");
    await send(holding(head, 2, lineBreak));
    await send(call(3, "echo"));
    expect(called()).toEqual(["echo"]);
    expect(await recordedTools(place)).toEqual(["echo"]);
  } finally {
    await front.stop();
  }
});
