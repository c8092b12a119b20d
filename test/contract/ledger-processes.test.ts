// A ledger under real processes: killed writers, many writers at once, and a disk that fails at
// every possible moment. What was acknowledged is there afterwards, and the ledger verifies.

import { describe, expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { parseSessionId } from "../../src/base/ids.ts";
import type { LedgerPlace } from "../../src/ledger/open.ts";
import { openLedger } from "../../src/ledger/open.ts";
import { failingDisk } from "../support/failing-disk.ts";
import { testWith } from "../support/features.ts";
import { recordSession, sqliteLedger } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

const writerProgram = join(import.meta.dir, "../fixtures/ledger-writer.ts");

function newPlace(): LedgerPlace {
  const home = tempDir("ledger");
  return { database: `${home}/db/ledger.db`, keys: `${home}/keys` };
}

function startWriter(
  place: LedgerPlace,
  {
    batches,
    batchSize,
    env = {},
  }: { batches: number; batchSize: number; env?: Record<string, string> },
) {
  const { database, keys } = place;
  return Bun.spawn(
    [process.execPath, writerProgram, database, keys, String(batches), String(batchSize)],
    { stdio: ["ignore", "pipe", "inherit"], env: { PATH: process.env.PATH ?? "", ...env } },
  );
}

/** The last acknowledged event of each session that the lines speak of. */
function acknowledged(lines: readonly string[]): ReadonlyMap<string, number> {
  const acks = new Map<string, number>();
  for (const line of lines) {
    const [session = "", seq = ""] = line.split(" ");
    if (parseSessionId(session) !== undefined) acks.set(session, Number(seq));
  }
  return acks;
}

/** Opens the ledger as the next process would, and checks promises and integrity. */
async function expectKept(place: LedgerPlace, acks: ReadonlyMap<string, number>): Promise<number> {
  const ledger = await openLedger(place);
  try {
    const { findings, eventCount } = await ledger.verify();
    expect(findings).toEqual([]);
    for (const [session, seq] of acks) {
      const id = parseSessionId(session);
      const index = id && (await ledger.indexOf(id, seq));
      if (index === undefined) throw new Error(`event ${seq} of ${session} was acknowledged`);
    }
    return eventCount;
  } finally {
    await ledger.close();
  }
}

test(
  "a writer killed at any moment loses nothing it acknowledged",
  async () => {
    const cycles = Number(process.env.AEGIS_KILL_CYCLES ?? 30);
    const place = newPlace();
    const all = new Map<string, number>();
    for (let cycle = 0; cycle < cycles; cycle++) {
      const writer = startWriter(place, { batches: 1_000_000, batchSize: 1 + (cycle % 7) });
      const enough = 1 + ((cycle * 37) % 50);
      let text = "";
      for await (const chunk of writer.stdout) {
        text += new TextDecoder().decode(chunk);
        if (text.split("\n").length > enough) writer.kill("SIGKILL");
      }
      await writer.exited;
      const lines = text.slice(0, text.lastIndexOf("\n")).split("\n");
      for (const [session, seq] of acknowledged(lines)) all.set(session, seq);
      await expectKept(place, all);
    }
    expect(all.size).toBe(cycles);
    const events = await expectKept(place, all);
    console.log(`ledger processes: ${cycles} writers killed, ${events} events, none lost`);
  },
  testMs,
);

test(
  "eight processes write eight sessions to one new ledger at once",
  async () => {
    // Rounds without events first: what can go wrong while the file is made takes many tries.
    for (let round = 0; round < 20; round++) {
      const place = newPlace();
      const openers = Array.from({ length: 8 }, () =>
        startWriter(place, { batches: 0, batchSize: 1 }),
      );
      const texts = await Promise.all(openers.map(({ stdout }) => stdout.text()));
      expect(texts.filter((text) => text.includes("error"))).toEqual([]);
    }
    const place = newPlace();
    const writers = Array.from({ length: 8 }, () =>
      startWriter(place, { batches: 40, batchSize: 5 }),
    );
    const outputs = await Promise.all(writers.map(({ stdout }) => stdout.text()));
    const statuses = await Promise.all(writers.map(({ exited }) => exited));
    expect(statuses).toEqual(statuses.map(() => 0));
    const lines = outputs.flatMap((output) => output.split("\n"));
    const acks = acknowledged(lines);
    // Three events open the first session of an agent, two a later one under the same policy.
    for (const seq of acks.values()) expect([201, 202]).toContain(seq);
    expect(acks.size).toBe(8);
    const events = await expectKept(place, acks);
    const ledger = await openLedger(place);
    expect(await ledger.sessions({ last: 99 })).toHaveLength(8);
    expect((await ledger.verify()).unclosed).toEqual([]);
    await ledger.close();
    const slowest = lines
      .filter((line) => line.startsWith("slowest "))
      .map((line) => Number(line.slice(8)));
    console.log(
      `ledger processes: 8 writers, ${events} events, slowest append ${Math.max(...slowest)} ms`,
    );
  },
  testMs,
);

describe("a disk that fails", () => {
  async function runFailing(place: LedgerPlace, call: string, at: number, errno: number) {
    const env = {
      LD_PRELOAD: failingDisk(),
      FAIL_CALL: call,
      FAIL_AT: String(at),
      FAIL_ERRNO: String(errno),
    };
    const writer = startWriter(place, { batches: 3, batchSize: 3, env });
    const output = await writer.stdout.text();
    const lines = output.trimEnd().split("\n");
    return { lines, status: await writer.exited };
  }

  /** A ledger with one session in it, to be copied. */
  async function usedPlace(): Promise<string> {
    const home = tempDir("ledger");
    const { ledger } = sqliteLedger(home);
    await recordSession(ledger, 20);
    await ledger.close();
    return home;
  }

  const kinds = [
    { what: "a flush fails with an I/O error", call: "sync", errno: 5, step: 1 },
    { what: "a write fails with an I/O error", call: "write", errno: 5, step: 2 },
    { what: "the disk is full", call: "write", errno: 28, step: 3 },
  ];
  for (const { what, call, errno, step } of kinds) {
    testWith(
      ["tool gcc"],
      `where ${what} at any moment: refused for good, nothing acknowledged lost`,
      async () => {
        const template = await usedPlace();
        let refusals = 0;
        for (let at = 1; ; at += step) {
          const home = tempDir("ledger");
          cpSync(template, home, { recursive: true });
          const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
          const { lines, status } = await runFailing(place, call, at, errno);
          if (status === 0) break;
          refusals += 1;
          expectRefusal(lines, status);
          await expectKept(place, acknowledged(lines));
        }
        console.log(`ledger processes: ${refusals} moments where ${call} fails, each refused`);
        expect(refusals).toBeGreaterThan(5);
      },
      testMs,
    );

    testWith(
      ["tool gcc"],
      `where ${what} while a ledger is made: refused, and made by the next`,
      async () => {
        for (let at = 1; at < 60; at += 4 * step) {
          const place = newPlace();
          const { lines, status } = await runFailing(place, call, at, errno);
          if (status === 0) break;
          expectRefusal(lines, status);
          await expectKept(place, acknowledged(lines));
        }
      },
      testMs,
    );
  }

  function expectRefusal(lines: readonly string[], status: number): void {
    expect(status).toBe(3);
    const errors = lines.filter((line) => /^(error|again) /.test(line));
    expect(errors[0]).toBe("error ledger/unavailable");
    // A session whose last checkpoint failed is closed all the same.
    const again = ["again ledger/unavailable", "again ledger/conflict"];
    if (errors.length > 1) expect(again).toContain(errors[1] ?? "");
  }
});
