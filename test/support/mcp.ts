// The proxy of the built binary in front of the servers in test/fixtures/mcp, and its ledger.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { LoggedEvent } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import { endWithTests } from "./endings.ts";
import { aegisBinary, cleanEnvironment, repoRoot } from "./harness.ts";
import { conditionMs } from "./patience.ts";
import { tempDir } from "./temp.ts";

export const toolsProgram = join(repoRoot, "test/fixtures/mcp/tools.ts");

export const budgets = {
  max_steps: 1000,
  max_tool_calls: 1000,
  max_wall_time_ms: 600_000,
  max_output_bytes: 10_000,
  timeout_ms: 60_000,
};

/** Where one proxy keeps what it needs. */
export interface McpPlace {
  readonly folder: string;
  readonly manifest: string;
  readonly ledger: string;
  /** Where the ledger is in PostgreSQL, instead of in the file. */
  readonly dsn?: string;
  readonly env: Record<string, string>;
}

export function mcpPlace(permissions: object): McpPlace {
  const folder = tempDir("mcp");
  const manifest = join(folder, "manifest.json");
  const content = {
    schema: "aegis.dev/manifest/v0.1",
    name: "tools",
    version: "1.0.0",
    publisher: "acme",
    permissions,
  };
  writeFileSync(manifest, JSON.stringify(content));
  const env = cleanEnvironment();
  return { folder, manifest, ledger: join(folder, "ledger.db"), env };
}

/** What the proxy is started with, without the server. */
export function proxyArgs(place: McpPlace, ...flags: readonly string[]): string[] {
  const { manifest, ledger, dsn } = place;
  const kept = dsn === undefined ? ["--ledger", ledger] : ["--dsn", dsn];
  return ["mcp", "--manifest", manifest, ...kept, "--session", "acme/s", ...flags];
}

export interface Connected extends AsyncDisposable {
  readonly client: Client;
  /** Of the proxy and the server. */
  said(): string;
}

/** A client of the public SDK behind the proxy behind which a server of the SDK runs. */
export async function connectStdio(
  place: McpPlace,
  flags: readonly string[] = [],
  server: readonly string[] = [process.execPath, toolsProgram],
  client = new Client({ name: "test", version: "1.0.0" }, { capabilities: { elicitation: {} } }),
): Promise<Connected> {
  const args = [...proxyArgs(place, ...flags), "--", ...server];
  const { folder: cwd, env } = place;
  const command = aegisBinary();
  const transport = new StdioClientTransport({ command, args, cwd, env, stderr: "pipe" });
  let said = "";
  transport.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await client.connect(transport);
  return {
    client,
    said: () => said,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** Everything the ledger holds of a session. */
export async function recordedEvents(
  { ledger }: McpPlace,
  session = "s",
): Promise<readonly LoggedEvent[]> {
  const store = openSqliteStore(ledger);
  try {
    const log = createControlLog(store);
    const verdict = await log.verify("acme", session);
    if (!verdict.valid) throw new Error(`the chain is broken: ${verdict.error}`);
    return await log.events({ tenant: "acme", session, limit: 1000 });
  } finally {
    await store.close();
  }
}

/** Types alone, in order. */
export async function recordedTypes(place: McpPlace, session = "s"): Promise<readonly string[]> {
  return (await recordedEvents(place, session)).map(({ type }) => type);
}

export interface Listening {
  readonly url: string;
  /** Everything on its standard output and error so far. */
  said(): string;
  stop(): Promise<void>;
}

/** One of the programs in test/fixtures/mcp, over HTTP. */
export async function startServerProgram(name: string, ...args: string[]): Promise<Listening> {
  const program = join(repoRoot, "test/fixtures/mcp", name);
  return untilListening([process.execPath, program, ...args], cleanEnvironment(), "stdout");
}

/** The proxy over HTTP, in front of a server there. */
export function startProxy(
  place: McpPlace,
  upstream: string,
  flags: readonly string[] = proxyArgs(place),
): Promise<Listening> {
  const argv = [aegisBinary(), ...flags, "--listen", ":0", "--upstream", upstream];
  return untilListening(argv, place.env, "stderr");
}

/** The proxy over HTTP, in front of a command that it starts as often as clients need it. */
export function startFront(
  place: McpPlace,
  server: readonly string[] = [process.execPath, toolsProgram],
  flags: readonly string[] = proxyArgs(place),
): Promise<Listening> {
  const argv = [aegisBinary(), ...flags, "--listen", ":0", "--", ...server];
  return untilListening(argv, place.env, "stderr");
}

async function untilListening(
  argv: readonly string[],
  env: Record<string, string>,
  from: "stdout" | "stderr",
): Promise<Listening> {
  const child = Bun.spawn([...argv], { env, stdio: ["ignore", "pipe", "pipe"] });
  endWithTests(child);
  const late = setTimeout(() => child.kill("SIGKILL"), conditionMs);
  let said = "";
  const found = Promise.withResolvers<string>();
  const read = async (stream: ReadableStream<Uint8Array>, counts: boolean): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const piece of stream) {
      said += decoder.decode(piece, { stream: true });
      const url = counts ? /https?:\/\/\S+\/mcp/.exec(said)?.[0] : undefined;
      if (url !== undefined) found.resolve(url);
    }
  };
  const ends = [read(child.stdout, from === "stdout"), read(child.stderr, from === "stderr")];
  void Promise.all(ends).then(() => found.reject(new Error(`it did not start: ${said}`)));
  const url = await found.promise;
  clearTimeout(late);
  return {
    url,
    said: () => said,
    async stop() {
      child.kill(from === "stderr" ? "SIGTERM" : "SIGKILL");
      await child.exited;
    },
  };
}

/** A client of the public SDK over HTTP. */
export async function connectHttp(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { ...headers } } }),
  );
  return client;
}
