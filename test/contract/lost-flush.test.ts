// A flush that failed, in real processes on a disk that fails: what is acknowledged afterwards is
// there after the power was cut as well, and what cannot be made so is not acknowledged.

import { Database } from "bun:sqlite";
import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import { endWithTests } from "../support/endings.ts";
import { type TracedDisk, traceDisk } from "../support/failing-disk.ts";
import { testWith } from "../support/features.ts";
import { waitFor } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

const program = join(import.meta.dir, "../fixtures/failing-store.ts");
const needed = ["tool strace", "tool gcc"] as const;

interface Writer {
  /** @returns what came of it */
  tell(line: string): Promise<string>;
  kill(): Promise<void>;
}

function startWriter(disk: TracedDisk, folder: string): Writer {
  const command = [...disk.before, process.execPath, program, `${folder}/ledger.db`];
  const child = Bun.spawn(command, { stdio: ["pipe", "pipe", "inherit"] });
  endWithTests(child);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  return {
    async tell(line) {
      child.stdin.write(`${line}\n`);
      await child.stdin.flush();
      for (; !said.includes("\n"); ) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`it ended before it answered "${line}"`);
        said += value;
      }
      const end = said.indexOf("\n");
      const answer = said.slice(0, end);
      said = said.slice(end + 1);
      return answer;
    },
    async kill() {
      child.stdin.write("die\n");
      await child.stdin.end();
      await child.exited;
    },
  };
}

/** The records that are there when the ledger is opened after the power was cut. */
async function keptIn(disk: TracedDisk, folder: string): Promise<readonly (readonly string[])[]> {
  return Promise.all(
    [false, true].map(async (withUnflushed) => {
      const place = disk.afterPowerCut(folder, withUnflushed);
      const store = openSqliteStore(`${place}/ledger.db`);
      const records = await store.records("k", "", 100);
      await store.close();
      const db = new Database(`${place}/ledger.db`, { readonly: true });
      expect(db.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
      db.close();
      return records.map(({ key }) => key);
    }),
  );
}

const refused = (line: string) => expect.stringContaining(`ledger/unavailable ${line}: Cannot `);

/** What somebody tells one of two processes, and what comes of it; or what happens to the disk. */
type Step =
  | readonly ["first" | "second", string, "done" | "refused" | "dies"]
  | "the disk fails"
  | "the disk is mended";

interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The keys acknowledged before and after the failure. */
  readonly kept: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: "a flush apart, of a transaction of clients",
    steps: [
      ["first", "put 1", "done"],
      "the disk fails",
      ["first", "put 2", "refused"],
      "the disk is mended",
      ["first", "put 3", "done"],
      ["first", "die", "dies"],
    ],
    kept: ["1", "3"],
  },
  {
    name: "a flush of SQLite's, where it commits",
    steps: [
      ["first", "put 1", "done"],
      "the disk fails",
      ["first", "sign 2", "refused"],
      "the disk is mended",
      ["first", "put 3", "done"],
      ["first", "die", "dies"],
    ],
    kept: ["1", "3"],
  },
  {
    name: "by another process, though the one that was told of it is gone",
    steps: [
      ["first", "put 1", "done"],
      "the disk fails",
      ["first", "put 2", "refused"],
      "the disk is mended",
      ["first", "die", "dies"],
      ["second", "put 3", "done"],
      ["second", "die", "dies"],
    ],
    kept: ["1", "3"],
  },
  {
    name: "by another process, where one closed that could not flush the rest",
    steps: [
      ["first", "put 1", "done"],
      ["first", "later 2", "done"],
      "the disk fails",
      ["first", "close", "done"],
      "the disk is mended",
      ["second", "put 3", "done"],
      ["second", "die", "dies"],
    ],
    kept: ["1", "3"],
  },
  {
    name: "by another process, while the one that was told of it does nothing",
    steps: [
      ["first", "put 1", "done"],
      "the disk fails",
      ["first", "put 2", "refused"],
      "the disk is mended",
      ["second", "put 3", "done"],
      ["second", "close", "done"],
      ["first", "put 4", "done"],
      ["first", "die", "dies"],
    ],
    kept: ["1", "3", "4"],
  },
];

describe("what is acknowledged after a flush that failed is kept when the power is cut", () => {
  for (const { name, steps, kept } of cases) {
    testWith(needed, name, async () => {
      const folder = tempDir("lost-flush");
      const disk = traceDisk();
      const writers = new Map<string, Writer>();
      for (const step of steps) {
        if (step === "the disk fails") disk.fail();
        else if (step === "the disk is mended") disk.mend();
        else await take(step, writers, () => startWriter(disk, folder));
      }
      for (const found of await keptIn(disk, folder)) {
        expect(found).toEqual(expect.arrayContaining([...kept]));
      }
    });
  }
});

/** A process is started when it is first told something. */
async function take(
  [who, line, outcome]: Exclude<Step, string>,
  writers: Map<string, Writer>,
  start: () => Writer,
): Promise<void> {
  const writer = writers.get(who) ?? start();
  writers.set(who, writer);
  if (outcome === "dies") await writer.kill();
  else expect(await writer.tell(line)).toEqual(outcome === "done" ? `done ${line}` : refused(line));
}

testWith(
  needed,
  "while flushes go on failing nothing is acknowledged, read or folded, by whichever process",
  async () => {
    const folder = tempDir("lost-flush");
    const disk = traceDisk();
    const first = startWriter(disk, folder);
    expect(await first.tell("put 1")).toBe("done put 1");
    disk.fail();
    const log = readFileSync(`${folder}/ledger.db`);
    for (const line of ["put 2", "put 3", "read 1", "sign 2"]) {
      expect(await first.tell(line)).toEqual(refused(line));
    }
    const second = startWriter(disk, folder);
    for (const line of ["put 4", "read 1"]) {
      expect(await second.tell(line)).toEqual(refused(line));
    }
    expect(await first.tell("close")).toBe("done close");
    expect(readFileSync(`${folder}/ledger.db`).equals(log)).toBe(true);
    disk.mend();
    expect(await second.tell("put 5")).toBe("done put 5");
    expect(existsSync(`${folder}/ledger.db-unflushed`)).toBe(false);
    await second.kill();
    for (const kept of await keptIn(disk, folder)) {
      expect(kept).toEqual(expect.arrayContaining(["1", "5"]));
      expect(kept).not.toContain("4");
    }
  },
);

testWith(
  needed,
  "a store that could not go on does so by itself once the disk is mended",
  async () => {
    const folder = tempDir("lost-flush");
    const disk = traceDisk();
    const writer = startWriter(disk, folder);
    expect(await writer.tell("put 1")).toBe("done put 1");
    disk.fail();
    for (const line of ["put 2", "put 3"]) expect(await writer.tell(line)).toEqual(refused(line));
    disk.mend();
    await waitFor("it to go on", async () => (await writer.tell("put 4")) === "done put 4");
    await writer.kill();
    for (const kept of await keptIn(disk, folder)) {
      expect(kept).toEqual(expect.arrayContaining(["1", "4"]));
    }
  },
);
