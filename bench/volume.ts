// `bun bench/volume.ts [--events N] [--per-session N] [--out FILE]`: a large ledger. How fast
// events are appended at its beginning and at its end, how fast verify goes over all of them, and
// how long listing and snapshots take over HTTP. 10,000,000 by default; writes a results file.

import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseJsonText } from "../src/base/json-text.ts";
import type { AppendRequest } from "../src/ledger/control/contract.ts";
import { createControlLog } from "../src/ledger/control/log.ts";
import { openLedger } from "../src/ledger/open.ts";
import { openSqliteStore } from "../src/ledger/sqlite/store.ts";
import { removeTempDirs, tempDir } from "../test/support/temp.ts";
import { seededRandom, startServed } from "./served.ts";

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "10000000" },
    "per-session": { type: "string", default: "100" },
    requests: { type: "string", default: "2000" },
    out: { type: "string", default: join(import.meta.dir, "results-volume.json") },
  },
});

const events = Number(values.events);
const perSession = Number(values["per-session"]);
const requests = Number(values.requests);
const batchSize = 1000;
/** Of all events, at each end. */
const measuredShare = 0.05;
const goals = { endOfStart: 0.8, p99Ms: 10, verifiedPerSecond: 250_000 };

const home = tempDir("volume");
const database = `${home}/.aegis/ledger.db`;
const rates = await fill();
const verified = await verifyAll();
const reads = await readOverHttp();
const results = {
  events,
  per_session: perSession,
  database_mb: Math.round(statSync(database).size / 1e6),
  append_per_second: { start: rates.start, end: rates.end, ratio: round(rates.end / rates.start) },
  verify_per_second: verified,
  list_ms: reads.list,
  tenant_list_ms: reads.tenantList,
  snapshot_ms: reads.snapshot,
  goals: {
    "append at the end ≥ 0.8 of the start": rates.end / rates.start >= goals.endOfStart,
    "list p99 ≤ 10 ms": reads.list.p99 <= goals.p99Ms,
    "list of a tenant p99 ≤ 10 ms": reads.tenantList.p99 <= goals.p99Ms,
    "snapshot p99 ≤ 10 ms": reads.snapshot.p99 <= goals.p99Ms,
    "verify ≥ 250,000 a second": verified >= goals.verifiedPerSecond,
  },
};
writeFileSync(values.out, `${JSON.stringify(results, null, 2)}\n`);
console.log(JSON.stringify(results));
removeTempDirs();

async function fill(): Promise<{ readonly start: number; readonly end: number }> {
  const store = openSqliteStore(database);
  const log = createControlLog(store);
  const measured = Math.max(batchSize, Math.floor(events * measuredShare));
  const start = await append(log, 0, measured);
  await append(log, measured, events - measured);
  const end = await append(log, events - measured, events);
  await store.close();
  return { start, end };
}

/** @returns events a second */
async function append(
  log: ReturnType<typeof createControlLog>,
  from: number,
  to: number,
): Promise<number> {
  const started = performance.now();
  for (let at = from; at < to; at += batchSize) {
    const count = Math.min(batchSize, to - at);
    const outcomes = await log.append(Array.from({ length: count }, (_, n) => eventAt(at + n)));
    if (outcomes.some(({ kind }) => kind !== "stored")) throw new Error("an event was refused");
  }
  return Math.round(((to - from) / (performance.now() - started)) * 1000);
}

function eventAt(at: number): AppendRequest {
  const payload = { tool_name: "read_file", call_id: `c${at}`, args: { path: "/workspace/a.csv" } };
  return {
    tenant: "volume",
    user: "u1",
    session: sessionAt(at),
    type: at % 2 === 0 ? "TOOL_CALL_PROPOSED" : "TOOL_RESULT",
    payload: parseJsonText(JSON.stringify(payload)),
    tsUnixMs: 1_700_000_000_000 + at,
  };
}

function sessionAt(at: number): string {
  return `s${Math.floor(at / perSession)}`;
}

/** @returns events a second, on this one thread */
async function verifyAll(): Promise<number> {
  const ledger = await openLedger({ database, keys: `${home}/.aegis/keys` });
  const started = performance.now();
  const { valid, findings } = await ledger.verify();
  const spent = performance.now() - started;
  await ledger.close();
  if (!valid) throw new Error(`the ledger is not valid: ${JSON.stringify(findings[0])}`);
  return Math.round((events / spent) * 1000);
}

interface Times {
  readonly p50: number;
  readonly p99: number;
}

async function readOverHttp(): Promise<
  Readonly<Record<"list" | "tenantList" | "snapshot", Times>>
> {
  const server = await startServed(home);
  const random = seededRandom(1);
  const anyEvent = () => Math.floor(random() * events);
  const query = "tenant_id=volume";
  const times = {
    list: await timed(`${server.url}/v1/events?${query}&limit=100`, () => {
      return `&session_id=${sessionAt(anyEvent())}`;
    }),
    tenantList: await timed(`${server.url}/v1/events?${query}&limit=100`, () => {
      return `&page_token=${anyEvent()}`;
    }),
    snapshot: await timed(`${server.url}/v1/sessions/`, () => {
      return `${sessionAt(anyEvent())}/snapshot?${query}`;
    }),
  };
  await server.stop();
  return times;
}

/** One request after another; milliseconds. */
async function timed(base: string, rest: () => string): Promise<Times> {
  const all: number[] = [];
  for (let i = 0; i < requests; i++) {
    const started = performance.now();
    const response = await fetch(`${base}${rest()}`);
    const text = await response.text();
    all.push(performance.now() - started);
    if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  }
  all.sort((a, b) => a - b);
  const at = (share: number) => round(all[Math.floor(all.length * share)] ?? 0);
  return { p50: at(0.5), p99: at(0.99) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
