// The control plane over HTTP beside a bare server that echoes JSON: what durable events and
// decisions cost a client, 32 of them at once.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repoRoot } from "../test/support/harness.ts";
import { tempDir } from "../test/support/temp.ts";
import { type Section, summarise } from "./report.ts";
import type { Samples } from "./stopwatch.ts";

const clients = 32;
const requestsPerRound = 3200;
const batchSize = 100;

const echo =
  "const s = Bun.serve({ port: 0, hostname: '127.0.0.1', " +
  "async fetch(r) { return Response.json(await r.json()); } }); console.error(s.url.href);";

interface Peer {
  readonly url: string;
  readonly stop: () => void;
}

async function start(argv: readonly string[], home: string): Promise<Peer> {
  const env = { HOME: home, PATH: process.env.PATH ?? "" };
  const child = Bun.spawn([...argv], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  for await (const piece of child.stderr) {
    said += new TextDecoder().decode(piece);
    const url = /http:\/\/[^\s/]+/.exec(said)?.[0];
    if (url !== undefined) return { url, stop: () => child.kill() };
  }
  throw new Error(`Cannot start ${argv.join(" ")}: ${said}`);
}

/** One section: microseconds a request or event. */
export async function measureServer(rounds: number): Promise<Section> {
  const home = tempDir("bench-server");
  const script = join(home, "echo.js");
  writeFileSync(script, echo);
  const aegis = await start([join(repoRoot, "dist/aegis"), "serve", "--addr", ":0"], home);
  const bare = await start([process.execPath, script], home);
  const question = JSON.stringify({
    event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "read_file", args: {} } },
    snapshot: { steps_consumed: 3, tool_calls_consumed: 2, wall_time_ms: 5000 },
    manifest: { permissions: { tools: ["read_file"] } },
  });
  try {
    const loads = {
      echo: () => load(`${bare.url}/`, requestsPerRound, () => question),
      "decide over HTTP": () =>
        load(`${aegis.url}/v1/policy/decide`, requestsPerRound, () => question),
      "durable event": () => load(`${aegis.url}/v1/events`, requestsPerRound, eventText),
      "durable event, by the hundred": async () =>
        (await load(`${aegis.url}/v1/events:batch`, requestsPerRound / 10, batchText)) / batchSize,
    };
    const samples = Object.keys(loads).map((name): Samples & { byRound: number[] } => {
      return { name, byRound: [], cpu: [] };
    });
    for (let round = 0; round <= rounds; round++) {
      for (const [at, run] of Object.values(loads).entries()) {
        const spent = await run();
        // The first round warms up and does not count.
        if (round > 0) samples[at]?.byRound.push(spent);
      }
    }
    const notes = [`${clients} clients; µs a request or event, so 1,000,000 / µs is a second's`];
    return summarise(
      { title: "The control plane", unit: "µs", base: "echo" },
      samples,
      [
        { row: "durable event", of: "echo", max: 2 },
        { row: "durable event", of: undefined, max: 67 },
        { row: "durable event, by the hundred", of: undefined, max: 17 },
      ],
      { notes },
    );
  } finally {
    aegis.stop();
    bare.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

const counter = { sent: 0 };

/** Each client has a session of its own, so that the log orders them. */
function eventText(client: number): string {
  counter.sent += 1;
  const { sent } = counter;
  return JSON.stringify({
    tenant_id: "bench",
    session_id: `s${client}`,
    ts_unix_ms: 1_700_000_000_000 + sent,
    event_type: "TOOL_CALL_PROPOSED",
    payload: { tool_name: "read_file", call_id: `c${sent}`, args: { path: "/workspace/data.csv" } },
  });
}

function batchText(client: number): string {
  return Array.from({ length: batchSize }, () => eventText(client)).join("\n");
}

/** Nanoseconds a request, all clients together. */
async function load(url: string, count: number, body: (client: number) => string): Promise<number> {
  const start = Bun.nanoseconds();
  const each = Math.ceil(count / clients);
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let at = 0; at < each; at++) {
        const response = await fetch(url, { method: "POST", body: body(client) });
        if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
        await response.arrayBuffer();
      }
    }),
  );
  return (Bun.nanoseconds() - start) / (each * clients);
}
