// The ledger beside a bare SQLite loop: appends by batch size, verification, and what one launch
// pays for it. `bun bench/ledger.ts [ROUNDS]` prints the tables.

import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { Ledger, SessionWriter } from "../src/ledger/contract.ts";
import { openLedger } from "../src/ledger/open.ts";
import type { EventDraft } from "../src/model/event.ts";
import { access, opening, recordSession, testPolicy } from "../test/support/ledger.ts";
import { removeTempDirs, tempDir } from "../test/support/temp.ts";
import { render, type Section, summarise } from "./report.ts";
import type { Samples } from "./stopwatch.ts";

const batchSizes = [1, 10, 100, 1000] as const;
/** Events that one round appends in batches of one size. */
const eventsPerRound = { 1: 40, 10: 400, 100: 2000, 1000: 5000 } as const;
const verifiedEvents = 100_000;

if (import.meta.main) {
  const sections = await measureLedger(Number(process.argv[2] ?? 15));
  for (const section of sections) console.log(`${render(section)}\n`);
  removeTempDirs();
}

export async function measureLedger(rounds: number): Promise<Section[]> {
  return [await measureAppends(rounds), await measureVerify(rounds), await measureStart(rounds)];
}

function drafts(count: number): readonly EventDraft[] {
  return Array.from({ length: count }, (_, i) => access(`/usr/lib/python3/site-packages/m${i}.py`));
}

/** Nanoseconds for each of `count` events. */
async function timed(count: number, work: () => void | Promise<void>): Promise<number> {
  const start = Bun.nanoseconds();
  await work();
  return (Bun.nanoseconds() - start) / count;
}

async function measureAppends(rounds: number): Promise<Section> {
  const home = tempDir("bench-ledger");
  const ledger = await openLedger({ database: `${home}/ledger.db`, keys: `${home}/keys` });
  const writer = await ledger.openSession(opening(), testPolicy, 0);
  const bare = openBare(`${home}/bare.db`);
  const samples: Samples[] = [];
  for (const size of batchSizes) {
    const total = eventsPerRound[size];
    const batch = drafts(size);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const bareNs = await timed(total, () => bare.append(total, size));
      const ourNs = await timed(total, () => appendAll(writer, batch, total));
      // The first round warms up and does not count.
      if (round > 0) {
        theirs.push(bareNs);
        ours.push(ourNs);
      }
    }
    samples.push({ name: `bare ${size}`, byRound: theirs, cpu: [] });
    samples.push({ name: `ledger ${size}`, byRound: ours, cpu: [] });
  }
  await ledger.close();
  bare.close();
  const goals = [
    { row: "ledger 1", of: "bare 1", max: 3 },
    { row: "ledger 1000", of: undefined, max: 10 },
  ];
  const heading = { title: "Append by batch, an event", unit: "µs", base: "bare 1000" } as const;
  return summarise(heading, samples, goals, {
    notes: ["bare: one table, the same bytes, WAL and synchronous=FULL, no hashes, no guards"],
  });
}

async function appendAll(
  writer: SessionWriter,
  batch: readonly EventDraft[],
  total: number,
): Promise<void> {
  for (let done = 0; done < total; done += batch.length) await writer.append(batch);
}

function openBare(path: string) {
  const db = new Database(path, { create: true, readwrite: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run("CREATE TABLE event(idx INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT");
  const insert = db.query<null, [string]>("INSERT INTO event(body) VALUES (?)");
  const body = JSON.stringify(access("/usr/lib/python3/site-packages/m1.py")).padEnd(420);
  return {
    append(total: number, size: number): void {
      for (let done = 0; done < total; done += size) {
        db.run("BEGIN IMMEDIATE");
        for (let i = 0; i < size; i++) insert.run(body);
        db.run("COMMIT");
      }
    },
    close: () => db.close(),
  };
}

async function measureVerify(rounds: number): Promise<Section> {
  const home = tempDir("bench-ledger");
  const ledger = await openLedger({ database: `${home}/ledger.db`, keys: `${home}/keys` });
  for (let i = 0; i < 10; i++) await recordSession(ledger, verifiedEvents / 10);
  const byRound: number[] = [];
  for (let round = 0; round <= Math.min(rounds, 8); round++) {
    const nanoseconds = await timed(verifiedEvents, () => verifyValid(ledger));
    if (round > 0) byRound.push(nanoseconds);
  }
  await ledger.close();
  const goals = [{ row: "verify", of: undefined, max: 4 }];
  const heading = { title: "Verify, an event", unit: "µs", base: "verify" } as const;
  return summarise(heading, [{ name: "verify", byRound, cpu: [] }], goals, {
    notes: ["4 µs an event are 250,000 events a second"],
  });
}

async function verifyValid(ledger: Ledger): Promise<void> {
  const { valid, findings } = await ledger.verify();
  if (!valid) throw new Error(`Cannot measure verify: ${JSON.stringify(findings[0])}`);
}

async function measureStart(rounds: number): Promise<Section> {
  const home = tempDir("bench-ledger");
  const program = join(home, "ledger-start");
  const built = Bun.spawnSync([
    ...[process.execPath, "build", "--compile", "--minify", "--bytecode", "--format=esm"],
    ...["--splitting", join(import.meta.dir, "ledger-start.ts"), "--outfile", program],
  ]);
  if (built.exitCode !== 0) throw new Error(`Cannot compile ledger-start.ts: ${built.stderr}`);
  const names = ["open", "open, session, first access", "close and sign"];
  const samples = names.map((name) => ({ name, byRound: [] as number[], cpu: [] }));
  for (let round = 0; round <= rounds * 2; round++) {
    const { stdout } = Bun.spawnSync([program, `${home}/ledger.db`, `${home}/keys`]);
    const measured: number[] = JSON.parse(stdout.toString());
    // The first start makes the ledger and its key.
    if (round === 0) continue;
    for (const [i, row] of samples.entries()) row.byRound.push(measured[i] ?? Number.NaN);
  }
  const goals = [{ row: "open, session, first access", of: undefined, max: 2.5 }];
  const heading = { title: "What a launch pays", unit: "ms", base: "open" } as const;
  return summarise(heading, samples, goals);
}
