// The control plane over HTTP beside a bare server that echoes JSON, beside the least that stores
// events, and beside OPA's own server with the same policy: what durable events and decisions cost,
// 32 connections at once, one load program for all of them.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repoRoot } from "../test/support/harness.ts";
import { tempDir } from "../test/support/temp.ts";
import { echoText, leastText } from "./bare-servers.ts";
import { type Load, runLoad } from "./http-load.ts";
import { type Section, summarise } from "./report.ts";
import type { Samples } from "./stopwatch.ts";

const connections = 32;
const batchSize = 100;

interface Peer {
  readonly port: number;
  readonly pid: number;
  readonly stop: () => void;
}

/** Of a text that Bun runs. */
function startBare(name: string, text: string, home: string): Promise<Peer> {
  const script = join(home, `${name}.js`);
  writeFileSync(script, text);
  return start([process.execPath, script, join(home, `${name}.db`)], home);
}

async function start(argv: readonly string[], home: string): Promise<Peer> {
  const env = { HOME: home, PATH: process.env.PATH ?? "" };
  const child = Bun.spawn([...argv], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  for await (const piece of child.stderr) {
    said += new TextDecoder().decode(piece);
    const port = /http:\/\/[^\s/:]+:(\d+)/.exec(said)?.[1];
    if (port === undefined) continue;
    return { port: Number(port), pid: child.pid, stop: () => child.kill() };
  }
  throw new Error(`Cannot start ${argv.join(" ")}: ${said}`);
}

/** Undefined where there is no `opa`. */
async function startOpa(home: string): Promise<Peer | undefined> {
  const places = [`${repoRoot}/build/tools/opa`, `${process.env.HOME ?? ""}/go/bin/opa`];
  const program = [Bun.which("opa") ?? "", ...places].find(existsSync);
  if (program === undefined) return undefined;
  const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = free;
  free.stop(true);
  const child = Bun.spawn(
    [
      ...[program, "run", "--server", "--addr", `127.0.0.1:${port}`, "--log-level", "error"],
      ...["--skip-version-check", "--disable-telemetry", "policies/rego/aegis/decide.rego"],
    ],
    { cwd: repoRoot, env: { HOME: home }, stdio: ["ignore", "ignore", "ignore"] },
  );
  for (let attempt = 0; attempt < 400; attempt++) {
    const isUp = await fetch(`http://127.0.0.1:${port}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return { port, pid: child.pid, stop: () => child.kill() };
    await Bun.sleep(25);
  }
  child.kill();
  throw new Error("Cannot start opa: it does not answer");
}

const input = {
  event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "read_file", args: {} } },
  snapshot: { steps_consumed: 3, tool_calls_consumed: 2, wall_time_ms: 5000 },
  manifest: { permissions: { tools: ["read_file"] } },
};

/** `@N` and `@C` are the load program's. Each connection has a session of its own. */
const event = JSON.stringify({
  tenant_id: "bench",
  session_id: "s@C",
  ts_unix_ms: 1_700_000_000_000,
  event_type: "TOOL_CALL_PROPOSED",
  payload: { tool_name: "read_file", call_id: "c@N", args: { path: "/workspace/data.csv" } },
});

interface Row {
  readonly name: string;
  readonly peer: Peer;
  readonly path: string;
  readonly body: string;
  /** Events of one request. */
  readonly per: number;
}

/**
 * Two sections: microseconds a request or event, and the time that 99 of 100 requests stay below.
 * @param seconds of each row in each round
 */
export async function measureServer(rounds: number, seconds: number): Promise<Section[]> {
  const home = tempDir("bench-server");
  const binary = join(repoRoot, "dist/aegis");
  const quietHome = join(home, "quiet");
  mkdirSync(quietHome);
  const aegis = await start([binary, "serve", "--addr", ":0"], home);
  const quiet = await start([binary, "serve", "--addr", ":0", "--telemetry-disabled"], quietHome);
  const bare = await startBare("echo", echoText, home);
  const least = await startBare("least", leastText, home);
  const opa = await startOpa(home);
  const decide = { path: "/v1/policy/decide", body: JSON.stringify(input), per: 1 };
  const store = { path: "/v1/events", body: event, per: 1 };
  const batch = {
    path: "/v1/events:batch",
    body: Array.from({ length: batchSize }, () => event).join("\n"),
    per: batchSize,
  };
  const asked = { path: "/v1/data/aegis/decide/decision", body: JSON.stringify({ input }), per: 1 };
  const rows: readonly Row[] = [
    { name: "echo", peer: bare, path: "/", body: event, per: 1 },
    ...(opa === undefined ? [] : [{ name: "opa", peer: opa, ...asked }]),
    { name: "decide", peer: aegis, ...decide },
    { name: "decide, no traces", peer: quiet, ...decide },
    { name: "durable event", peer: aegis, ...store },
    { name: "durable event, no traces", peer: quiet, ...store },
    { name: "durable event, least", peer: least, ...store },
    { name: "durable event, by the hundred", peer: aegis, ...batch },
    { name: "durable event, by the hundred, no traces", peer: quiet, ...batch },
    { name: "durable event, by the hundred, least", peer: least, ...batch },
  ];
  try {
    return sectionsOf(rows, await measured(rows, rounds, seconds), opa !== undefined);
  } finally {
    for (const peer of [aegis, quiet, bare, least, opa]) peer?.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

interface Measured extends Load {
  /** That the server took meanwhile. */
  readonly cpuSeconds: number;
}

async function measured(
  rows: readonly Row[],
  rounds: number,
  seconds: number,
): Promise<readonly Measured[][]> {
  const loads = rows.map((): Measured[] => []);
  let next = 1;
  for (let round = 0; round <= rounds; round++) {
    for (const [at, { name, peer, path, body }] of rows.entries()) {
      const where = { port: peer.port, path, body };
      const cpuBefore = cpuSeconds(peer.pid);
      const load = await runLoad(where, { connections, seconds, first: next });
      if (load.errors > 0) throw new Error(`${name}: ${load.errors} of ${load.requests} failed`);
      next = load.next;
      // The first round warms up and does not count.
      if (round > 0) loads[at]?.push({ ...load, cpuSeconds: cpuSeconds(peer.pid) - cpuBefore });
    }
  }
  return loads;
}

/** Linux counts hundredths of a second, whatever its clock does. */
const ticksPerSecond = 100;

/** Processor time of all threads of a process, in the kernel and outside. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function sectionsOf(
  rows: readonly Row[],
  loads: readonly (readonly Measured[])[],
  hasOpa: boolean,
): Section[] {
  type Figure = (load: Measured, row: Row) => number;
  const samples = (value: Figure, cpu?: Figure): Samples[] =>
    rows.map((row, at) => {
      const own = loads[at] ?? [];
      const of = (figure: Figure): number[] => own.map((load) => figure(load, row));
      return { name: row.name, byRound: of(value), cpu: cpu === undefined ? [] : of(cpu) };
    });
  const spent = samples(
    ({ seconds, requests }, { per }) => (seconds * 1e9) / (requests * per),
    ({ cpuSeconds, requests }, { per }) => (cpuSeconds * 1e9) / (requests * per),
  );
  const slow = samples(({ p99Us }) => p99Us * 1000);
  const note = hasOpa ? [] : ["opa is not here: nothing to compare decisions with"];
  return [
    summarise(
      { title: "The control plane", unit: "µs", base: "echo" },
      spent,
      [
        { row: "decide", of: "opa", max: 0.5 },
        { row: "durable event", of: "echo", max: 2 },
        { row: "durable event", of: undefined, max: 67 },
        { row: "durable event, by the hundred", of: "echo", max: 2 },
        { row: "durable event, by the hundred", of: undefined, max: 17 },
      ],
      {
        notes: [
          `${connections} connections; µs a request or event, so 1,000,000 / µs is a second's`,
          ...note,
        ],
      },
    ),
    summarise(
      { title: "The control plane, p99 of a request", unit: "µs", base: "echo" },
      slow,
      [{ row: "decide", of: "opa", max: 1 }],
      { notes: [`${connections} connections, each with one request under way`] },
    ),
  ];
}
