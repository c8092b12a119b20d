// `bun bench/soak.ts [--seconds N] [--warm-up N] [--seed N] [--out FILE]`: a server under mixed
// load for minutes. Every answer has to be the expected one, and its memory has to stay flat: a
// line is laid through it by least squares, after the warm-up, which is found in the measurement.
// Writes its own results file; status 1 when it does not pass. A slope over less than three minutes
// is told and not judged, and one that is known too badly does not pass.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { spawnAegis } from "../test/support/harness.ts";
import { removeTempDirs, tempDir } from "../test/support/temp.ts";
import { seededRandom, startServed } from "./served.ts";
import { lineThrough, type Sample, settledMs } from "./steady.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "1500" },
    "warm-up": { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: join(import.meta.dir, "results-soak.json") },
  },
});

const slopeMaxMbPerMinute = 1;
/** Collections of garbage make memory go up and down by tens of megabytes, some seconds each. */
const windowMs = 15_000;
const judgedFromMs = 180_000;
const clients = 8;
const sampleEveryMs = 500;
const problemsMax = 20;

const lengthMs = Number(values.seconds) * 1000;
const random = seededRandom(Number(values.seed));
const home = tempDir("soak");
const server = await startServed(home);
const startedMs = performance.now();
const requests: Record<string, number> = {};
const problems: string[] = [];
const failures = { count: 0 };

const samples: Sample[] = [];
const sampling = setInterval(() => {
  samples.push({ ms: performance.now() - startedMs, value: residentMb(server.pid) });
}, sampleEveryMs);
await Promise.all(Array.from({ length: clients }, (_, client) => live(client)));
clearInterval(sampling);
const stopped = await server.stop();
const audit = await spawnAegis(["audit", "verify"], { env: { HOME: home }, timeoutMs: 600_000 });
if (stopped !== 0) fail("stop", `status ${stopped}`);
if (audit.exitCode !== 0) fail("audit verify", audit.stdout + audit.stderr);

const found = settledMs(samples, windowMs);
const warmUpMs = values["warm-up"] === "" ? found : Number(values["warm-up"]) * 1000;
const settled = samples.filter(({ ms }) => ms >= warmUpMs);
const { perMinute: slope, error } = lineThrough(settled, windowMs);
const isJudged = lengthMs - warmUpMs >= judgedFromMs;
if (isJudged && slope > slopeMaxMbPerMinute) fail("memory", "it grows");
if (isJudged && 2 * error > slopeMaxMbPerMinute) fail("memory", "too little is known: run longer");
const passed = failures.count === 0;
const results = {
  seconds: lengthMs / 1000,
  warm_up_seconds: warmUpMs / 1000,
  seed: Number(values.seed),
  requests,
  errors: failures.count,
  problems,
  memory_mb: {
    first: round(samples[0]?.value ?? 0),
    settled: round(meanOf(settled.slice(0, settled.length / 10))),
    last: round(meanOf(settled.slice(-settled.length / 10))),
    slope_per_minute: round(slope),
    slope_error: round(error),
    slope_is_judged: isJudged,
  },
  passed,
};
writeFileSync(values.out, `${JSON.stringify(results, null, 2)}\n`);
console.log(JSON.stringify(results));
removeTempDirs();
process.exitCode = passed ? 0 : 1;

/** One agent after another until time is up. */
async function live(client: number): Promise<void> {
  for (let count = 0; performance.now() - startedMs < lengthMs; count++) {
    await oneSession(`agent-${client}-${count}`);
  }
}

async function oneSession(session: string): Promise<void> {
  const of = { tenant_id: "soak", session_id: session };
  const path = `/v1/sessions/${session}`;
  const query = "tenant_id=soak";
  const event = (event_type: string, payload: object) => ({ ...of, event_type, payload });
  for (let call = 0; call < 4; call++) {
    const proposed = { tool_name: "read_file", call_id: `c${call}`, args: { n: random() } };
    await post("event", "/v1/events", event("TOOL_CALL_PROPOSED", proposed), 201);
    const ask = {
      event: event("TOOL_CALL_PROPOSED", proposed),
      manifest: { permissions: { tools: ["read_file"] } },
      session: of,
    };
    await post("decide", "/v1/policy/decide", ask, 200);
    const result = { call_id: `c${call}`, result: "x".repeat(Math.floor(random() * 2000)) };
    await post("event", "/v1/events", event("TOOL_RESULT", result), 201);
  }
  const lines = Array.from({ length: 50 }, (_, n) => event("MEMORY_WRITE", { n }));
  await post("batch", "/v1/events:batch", lines, 201);
  const args = { ...of, tool_name: "exec", args: { cmd: "ls" } };
  const { token } = await post("approval", "/v1/approvals", args, 201);
  await post("approval", `/v1/approvals/${String(token)}`, { allow: random() < 0.5 }, 200);
  await get("list", `/v1/events?${query}&session_id=${session}&limit=100`);
  await get("snapshot", `${path}/snapshot?${query}`);
  const { valid } = await get("verify", `${path}/verify?${query}`);
  if (valid !== true) fail("verify", session);
  await post("refused", "/v1/events", { ...of, event_type: "X", seq: 9999 }, 409);
  await post("refused", "/v1/events", "{", 400);
}

async function post(kind: string, path: string, body: unknown, status: number) {
  const isLines = Array.isArray(body);
  const text = isLines ? body.map((line) => JSON.stringify(line)).join("\n") : asText(body);
  return request(kind, path, { method: "POST", body: text }, status, isLines);
}

function asText(body: unknown): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}

function get(kind: string, path: string) {
  return request(kind, path, {}, 200, false);
}

async function request(
  kind: string,
  path: string,
  init: RequestInit,
  status: number,
  isLines: boolean,
): Promise<Readonly<Record<string, unknown>>> {
  requests[kind] = (requests[kind] ?? 0) + 1;
  try {
    const response = await fetch(`${server.url}${path}`, init);
    const text = await response.text();
    if (response.status !== status) fail(kind, `${response.status} ${text}`);
    return isLines ? {} : (JSON.parse(text) as Record<string, unknown>);
  } catch (error) {
    fail(kind, String(error));
    return {};
  }
}

function fail(kind: string, what: string): void {
  failures.count += 1;
  if (problems.length < problemsMax) problems.push(`${kind}: ${what.slice(0, 300)}`);
}

function residentMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(line ?? 0) / 1024;
}

function meanOf(points: readonly Sample[]): number {
  return points.reduce((sum, { value }) => sum + value, 0) / Math.max(points.length, 1);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
