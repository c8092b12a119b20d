// `bun bench/kill.ts [--cycles N] [--seed N] [--out FILE]`: a server is killed with SIGKILL under
// load, again and again on one ledger. Whatever it acknowledged has to be there afterwards, with
// the same hash, and every chain has to be valid. Writes its own results file; status 1 when not
// so.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { spawnAegis } from "../test/support/harness.ts";
import { removeTempDirs, tempDir } from "../test/support/temp.ts";
import { seededRandom, startServed } from "./served.ts";

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "500" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: join(import.meta.dir, "results-kill.json") },
  },
});

const writers = 8;
const batchSize = 20;
/** Killed this long after the first answer, at the latest. */
const killWithinMs = 150;

interface Acknowledged {
  readonly seq: number;
  readonly hash: string;
}

/** By session. */
type Promises = ReadonlyMap<string, readonly Acknowledged[]>;

const cycles = Number(values.cycles);
const random = seededRandom(Number(values.seed));
const home = tempDir("kill");
const started = performance.now();
const found = { acknowledged: 0, lost: 0, invalid: 0, unacknowledged: 0 };
const problems: string[] = [];

const stopped = await runCycles();
const audit = await spawnAegis(["audit", "verify", "--json"], {
  env: { HOME: home },
  timeoutMs: 600_000,
});
if (stopped !== 0) problems.push(`the last server ended with status ${stopped}`);
if (audit.exitCode !== 0) problems.push(`audit verify: ${audit.stdout}${audit.stderr}`);

const isGood = found.lost === 0 && found.invalid === 0 && problems.length === 0;
const seconds = Math.round((performance.now() - started) / 100) / 10;
const results = { cycles, seed: Number(values.seed), seconds, ...found, problems, passed: isGood };
writeFileSync(values.out, `${JSON.stringify(results, null, 2)}\n`);
console.log(JSON.stringify(results));
removeTempDirs();
process.exitCode = isGood ? 0 : 1;

/** @returns the exit status of the last server, which is told to stop */
async function runCycles(): Promise<number> {
  let before: Promises = new Map();
  for (let cycle = 0; cycle < cycles; cycle++) {
    const server = await startServed(home);
    await check(server.url, before);
    before = await writeUntilKilled(server, cycle);
  }
  const last = await startServed(home);
  await check(last.url, before);
  return last.stop();
}

async function writeUntilKilled(
  server: Awaited<ReturnType<typeof startServed>>,
  cycle: number,
): Promise<Promises> {
  const acknowledged = new Map<string, Acknowledged[]>();
  const first = Promise.withResolvers<void>();
  const writing = Array.from({ length: writers }, async (_, writer) => {
    const session = `cycle-${cycle}-${writer}`;
    const own: Acknowledged[] = [];
    acknowledged.set(session, own);
    for (let count = 0; ; count++) {
      const isBatch = writer % 2 === 1;
      const lines = Array.from({ length: isBatch ? batchSize : 1 }, (_, at) =>
        eventOf(session, count * batchSize + at),
      );
      const path = isBatch ? "/v1/events:batch" : "/v1/events";
      const answer = await post(`${server.url}${path}`, lines.join("\n"));
      if (answer === undefined) return;
      own.push(...answer);
      first.resolve();
    }
  });
  await Promise.race([first.promise, Promise.all(writing)]);
  await Bun.sleep(random() * killWithinMs);
  await server.kill();
  await Promise.all(writing);
  return acknowledged;
}

function eventOf(session: string, number: number): string {
  return JSON.stringify({
    tenant_id: "kill",
    session_id: session,
    event_type: "TOOL_CALL_PROPOSED",
    payload: { tool_name: "read_file", call_id: `c${number}`, args: {} },
  });
}

/** Undefined once the server is gone. A refusal is a defect: nobody else writes to the session. */
async function post(url: string, body: string): Promise<readonly Acknowledged[] | undefined> {
  let text: string;
  try {
    const response = await fetch(url, { method: "POST", body });
    text = await response.text();
    if (response.status !== 201) problems.push(`${response.status} ${text.slice(0, 200)}`);
  } catch {
    return undefined;
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Acknowledged => JSON.parse(line));
}

async function check(url: string, promises: Promises): Promise<void> {
  for (const [session, acknowledged] of promises) {
    const stored = await hashesOf(url, session);
    found.acknowledged += acknowledged.length;
    found.unacknowledged += stored.size - acknowledged.length;
    for (const { seq, hash } of acknowledged) {
      if (stored.get(seq) === hash) continue;
      found.lost += 1;
      problems.push(`${session} lost ${seq}`);
    }
    const verdict = await get<{ valid: boolean; error: string }>(
      `${url}/v1/sessions/${session}/verify?tenant_id=kill`,
    );
    if (verdict.valid) continue;
    found.invalid += 1;
    problems.push(`${session}: ${verdict.error}`);
  }
}

async function hashesOf(url: string, session: string): Promise<ReadonlyMap<number, string>> {
  const hashes = new Map<number, string>();
  for (let token = ""; ; ) {
    const query = new URLSearchParams({ tenant_id: "kill", session_id: session, limit: "1000" });
    if (token !== "") query.set("page_token", token);
    const page = await get<{ Events: readonly Acknowledged[]; NextToken: string }>(
      `${url}/v1/events?${query}`,
    );
    for (const { seq, hash } of page.Events) hashes.set(seq, hash);
    if (page.NextToken === "") return hashes;
    token = page.NextToken;
  }
}

async function get<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}
