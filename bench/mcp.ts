// What the MCP proxy adds to a tool call: a client and a server of the public SDK, one call after
// the other, with and without the proxy between them.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { cleanEnvironment, repoRoot } from "../test/support/harness.ts";
import {
  connectHttp,
  connectStdio,
  mcpPlace,
  startProxy,
  startServerProgram,
  toolsProgram,
} from "../test/support/mcp.ts";
import { type Section, summarise } from "./report.ts";
import type { Samples } from "./stopwatch.ts";

const callsPerRound = 64;
/** More than a loop is long: the same tools in the same order are no loop then. */
const tools = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"];
const plenty = 1_000_000_000;
const budgets = { max_steps: plenty, max_tool_calls: plenty, max_wall_time_ms: plenty };

/** One section: microseconds a call. */
export async function measureMcp(rounds: number): Promise<Section> {
  const server = await startServerProgram("tools.ts", "http");
  const place = mcpPlace({ tools, budgets });
  const proxy = await startProxy(place, server.url);
  const behind = await connectStdio(mcpPlace({ tools, budgets }));
  const clients: Readonly<Record<string, Client>> = {
    "stdio, bare": await connectBare(),
    "stdio, through aegis": behind.client,
    "HTTP, bare": await connectHttp(server.url),
    "HTTP, through aegis": await connectHttp(proxy.url),
  };
  try {
    const samples = Object.keys(clients).map((name): Samples & { byRound: number[] } => {
      return { name, byRound: [], cpu: [] };
    });
    for (let round = 0; round <= rounds; round++) {
      for (const [at, client] of Object.values(clients).entries()) {
        const spent = await callMany(client, round);
        // The first round warms up and does not count.
        if (round > 0) samples[at]?.byRound.push(spent);
      }
    }
    const heading = { title: "MCP tool calls", unit: "µs", base: "stdio, bare" } as const;
    const notes = ["a call through aegis waits for the disk three times, once for each event"];
    return summarise(heading, samples, [], { notes });
  } finally {
    for (const client of Object.values(clients)) await client.close();
    await proxy.stop();
    await server.stop();
  }
}

async function connectBare(): Promise<Client> {
  const client = new Client({ name: "bench", version: "1.0.0" });
  const [command, args] = [process.execPath, [toolsProgram]];
  const env = cleanEnvironment();
  await client.connect(new StdioClientTransport({ command, args, cwd: repoRoot, env }));
  return client;
}

/** Nanoseconds a call. */
async function callMany(client: Client, round: number): Promise<number> {
  const start = Bun.nanoseconds();
  for (let at = 0; at < callsPerRound; at++) {
    const name = tools[at % tools.length] ?? "t0";
    await client.callTool({ name, arguments: { text: `${round} ${at}` } });
  }
  return (Bun.nanoseconds() - start) / callsPerRound;
}
