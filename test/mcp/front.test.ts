// `aegis mcp --listen` in front of a command: clients of the public SDK over HTTP, each with a
// process of its own of a server that knows standard input and output alone.

import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { sha256Hex } from "../../src/base/hash.ts";
import { spawnAegis, waitFor } from "../support/harness.ts";
import {
  budgets,
  type Listening,
  type McpPlace,
  mcpPlace,
  proxyArgs,
  recordedEvents,
  recordedTypes,
  startFront,
} from "../support/mcp.ts";
import { connectModern, modernClient } from "../support/mcp-modern.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

const tools = ["echo", "pid", "slow", "asks", "steps", "ends"];
const permissions = { tools, budgets };
const called = (name: string, text = "") => ({ name, arguments: { text } });

interface Connected extends AsyncDisposable {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  /** Of the server's process that this client has. */
  pid(): Promise<number>;
}

async function connect(
  { url }: Listening,
  headers: Readonly<Record<string, string>> = {},
): Promise<Connected> {
  const client = new Client(
    { name: "test", version: "1.0.0" },
    { capabilities: { elicitation: {} } },
  );
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { ...headers } },
  });
  await client.connect(transport);
  let asked = 0;
  return {
    ...{ client, transport },
    async pid() {
      asked += 1;
      const { content } = await client.callTool(called("pid", `${crypto.randomUUID()}${asked}`));
      return Number((content as { text: string }[])[0]?.text);
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function fronted(
  use: (front: Listening, place: McpPlace) => Promise<void>,
  ...flags: readonly string[]
): Promise<void> {
  const place = mcpPlace(permissions);
  const front = await startFront(place, undefined, proxyArgs(place, ...flags));
  try {
    await use(front, place);
  } finally {
    await front.stop();
  }
}

const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}`);
const gone = (pid: number) => waitFor(`process ${pid} to end`, async () => !isRunning(pid));

test("a declared tool is called and recorded; an undeclared one is not called", async () => {
  await fronted(async (front, place) => {
    await using one = await connect(front);
    const { content } = await one.client.callTool(called("echo", "hi"));
    expect(content).toEqual([{ type: "text", text: "hi" }]);
    const refused = one.client.callTool(called("undeclared"));
    await expect(refused).rejects.toMatchObject({ data: { reason: "PERMISSION_UNDECLARED" } });
    expect(await recordedTypes(place)).toEqual([
      ...["TOOL_CALL_PROPOSED", "TOOL_CALL_ALLOWED", "TOOL_RESULT"],
      ...["TOOL_CALL_PROPOSED", "TOOL_CALL_DENIED"],
    ]);
  });
});

test("each session has a process of its own, which ends with it and with the proxy", async () => {
  let last = 0;
  await fronted(async (front) => {
    await using first = await connect(front);
    await using second = await connect(front);
    const [one, other] = [await first.pid(), await second.pid()];
    expect(one).not.toBe(other);
    await first.transport.terminateSession();
    await gone(one);
    last = await second.pid();
    expect(last).toBe(other);
  });
  await gone(last);
});

test("questions, progress and log messages of the server reach the client", async () => {
  await fronted(async (front) => {
    await using one = await connect(front);
    const { client } = one;
    client.setRequestHandler(ElicitRequestSchema, () => {
      return { action: "accept" as const, content: { name: "this" } };
    });
    expect((await client.callTool({ name: "asks", arguments: {} })).content).toMatchObject([
      { text: '{"name":"this"}' },
    ]);
    const steps: number[] = [];
    await client.callTool({ name: "steps", arguments: {} }, undefined, {
      onprogress: ({ progress }) => steps.push(progress),
    });
    expect(steps).toEqual([1, 2]);
  });
});

test("a call that its caller takes back is ended at the server as well", async () => {
  await fronted(async (front, place) => {
    await using one = await connect(front);
    const told = Promise.withResolvers<unknown>();
    const began = Promise.withResolvers<void>();
    one.client.fallbackNotificationHandler = async ({ params }) => {
      if (params?.data === "slow has begun") began.resolve();
      else told.resolve(params?.data);
    };
    const abort = new AbortController();
    const { signal } = abort;
    const call = one.client.callTool(called("slow"), undefined, { signal });
    const ended = call.catch(() => "ended");
    await began.promise;
    abort.abort();
    expect(await ended).toBe("ended");
    expect(await told.promise).toBe("slow was cancelled");
    await waitFor("its record", async () => (await recordedTypes(place)).length >= 3);
    const last = (await recordedEvents(place)).at(-1);
    expect(last).toMatchObject({ type: "ERROR_RAISED", payload: { code: "CANCELLED" } });
  });
});

test("a server that ends takes its session with it, and the next has another", async () => {
  await fronted(async (front, place) => {
    await using one = await connect(front);
    const lost = one.client.callTool({ name: "ends", arguments: {} });
    await expect(lost).rejects.toThrow();
    await expect(one.client.listTools()).rejects.toThrow("there is no such session");
    await waitFor("the end to be told", async () => front.said().includes("ended with status 7"));
    await using next = await connect(front);
    expect((await next.client.callTool(called("echo", "again"))).content).toHaveLength(1);
    const errors = (await recordedEvents(place)).filter(({ type }) => type === "ERROR_RAISED");
    expect(errors).toMatchObject([{ payload: { code: "UPSTREAM_FAILED", tool_name: "ends" } }]);
  });
});

test("there are as many processes as --servers says, and one that is left makes room", async () => {
  const use = async (front: Listening): Promise<void> => {
    await using first = await connect(front);
    const pid = await first.pid();
    await expect(connect(front)).rejects.toThrow("raise --servers");
    expect(await first.pid()).toBe(pid);
    await first.client.close();
    // The session is still there, and nobody uses it.
    await waitFor("the client to be gone", async () => {
      try {
        await using second = await connect(front);
        return (await second.pid()) !== pid;
      } catch {
        // ignored: its stream is still open
        return false;
      }
    });
    await gone(pid);
  };
  await fronted(use, "--servers", "1");
});

test("a session is nothing to who has another key", async () => {
  const place = mcpPlace(permissions);
  const keys = join(place.folder, "keys");
  const lines = ["one", "other"].map((name) => `${sha256Hex(name)} agent acme ${name}\n`);
  writeFileSync(keys, lines.join(""));
  const front = await startFront(place, undefined, proxyArgs(place, "--keys", keys));
  try {
    await using one = await connect(front, { Authorization: "Bearer one" });
    const { sessionId = "" } = one.transport;
    const list = (key: string) =>
      fetch(front.url, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          Authorization: `Bearer ${key}`,
          "Mcp-Session-Id": sessionId,
        },
        body: '{"jsonrpc":"2.0","id":77,"method":"tools/list"}',
      });
    expect((await list("other")).status).toBe(404);
    expect((await list("one")).status).toBe(200);
  } finally {
    await front.stop();
  }
});

test("a client of both eras finds out which one the server is of", async () => {
  await fronted(async (front) => {
    const client = await connectModern(front.url, modernClient("auto"));
    expect(client.getProtocolEra()).toBe("legacy");
    expect((await client.callTool(called("echo", "hi"))).content).toHaveLength(1);
    await client.close();
  });
});

test("what is no way to serve is an error before anything is started", async () => {
  const place = mcpPlace(permissions);
  const flags = [...proxyArgs(place), "--listen", ":0"];
  for (const [more, why] of [
    [["--", "no-such-program"], "no-such-program"],
    [["--upstream", "http://127.0.0.1:1/mcp", "--", "true"], "both --upstream and a command"],
    [["--upstream-key-file", "f", "--", "true"], "--upstream-key-file goes with --upstream"],
    [[], "a command behind -- or --upstream is missing"],
  ] as const) {
    const { exitCode, stderr } = await spawnAegis([...flags, ...more]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(why);
  }
});
