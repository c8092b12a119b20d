// The public conformance scenarios for MCP servers: our test server passes them bare, and through
// the proxy just the same, over HTTP and as a command.

import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { tools } from "../fixtures/mcp/everything-tools.ts";
import { cleanEnvironment, repoRoot } from "../support/harness.ts";
import { mcpPlace, startFront, startProxy, startServerProgram } from "../support/mcp.ts";
import { programMs, testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

const program = join(repoRoot, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const server = await startServerProgram("everything.ts", "http");
afterAll(() => server.stop());

/** What the suite counts in the end, and the checks that did not pass. */
async function suite(url: string): Promise<{ total: string; bad: readonly string[] }> {
  const child = Bun.spawn([process.execPath, program, "server", "--suite", "all", "--url", url], {
    cwd: tempDir("conformance"),
    env: cleanEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: programMs,
    killSignal: "SIGKILL",
  });
  const [output] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const lines = output.split("\n");
  const bad = lines.filter((line) => /^✗|Warning|WARNING|FAILURE/.test(line));
  return { total: lines.findLast((line) => line.startsWith("Total:")) ?? output, bad };
}

const all = { total: "Total: 47 passed, 0 failed", bad: [] };
/** Without what servers may leave out: streams that are taken up again. */
const withoutResumption = { total: "Total: 43 passed, 0 failed", bad: [] };

test(
  "the server passes every scenario itself",
  async () => {
    expect(await suite(server.url)).toEqual(all);
  },
  testMs,
);

test(
  "it passes every scenario through the proxy",
  async () => {
    const place = mcpPlace({ tools: tools.map(({ name }) => name) });
    const { manifest, ledger } = place;
    const flags = ["mcp", "--manifest", manifest, "--ledger", ledger];
    const proxy = await startProxy(place, server.url, flags);
    try {
      expect(await suite(proxy.url)).toEqual(all);
    } finally {
      await proxy.stop();
    }
  },
  testMs,
);

test(
  "a server that is a command passes them through the proxy's HTTP front",
  async () => {
    const place = mcpPlace({ tools: tools.map(({ name }) => name) });
    const { manifest, ledger } = place;
    const flags = ["mcp", "--manifest", manifest, "--ledger", ledger];
    const server = [process.execPath, join(repoRoot, "test/fixtures/mcp/everything.ts")];
    const front = await startFront(place, server, flags);
    try {
      expect(await suite(front.url)).toEqual(withoutResumption);
    } finally {
      await front.stop();
    }
  },
  testMs,
);
