// What a ledger has apart from its database, its key and what is remembered of its heads: a ledger
// that is gone, or whose checkpoints are, is missed, and no key takes another one's place.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Outcome, spawnAegis } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

interface Home {
  readonly state: string;
  readonly ledger: string;
  readonly key: string;
  /** Runs a command that leaves a file with this name. */
  run(name: string): Promise<Outcome>;
  ran(name: string): boolean;
  verify(): Promise<Outcome>;
  aegis(...args: string[]): Promise<Outcome>;
}

function newHome(): Home {
  const home = tempDir("outside");
  const work = `${home}/work`;
  mkdirSync(work);
  const state = `${home}/.aegis`;
  const aegis = (args: readonly string[]) => spawnAegis(args, { env: { HOME: home }, cwd: work });
  return {
    state,
    ledger: `${state}/ledger.db`,
    key: `${state}/keys/ledger.key`,
    run: (name) => aegis(["run", "--quiet", "--", "sh", "-c", `echo x > ${name}`]),
    ran: (name) => existsSync(`${work}/${name}`),
    verify: () => aegis(["audit", "verify"]),
    aegis: (...args) => aegis(args),
  };
}

async function recorded(): Promise<Home> {
  const home = newHome();
  expect(await home.run("first")).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await home.verify()).toMatchObject({ exitCode: 0 });
  return home;
}

function removeLedger({ ledger }: Home): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(`${ledger}${end}`, { force: true });
}

describe("audit verify", () => {
  test("has nothing against a ledger that never was", async () => {
    const home = newHome();
    const { exitCode, stdout } = await home.verify();
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("the ledger is empty")]);
    expect(existsSync(home.ledger)).toBe(false);
  });

  test.each<[string, (home: Home) => void]>([
    ["deleted", removeLedger],
    [
      "replaced by a folder",
      (home) => {
        removeLedger(home);
        mkdirSync(home.ledger);
      },
    ],
  ])("misses a ledger that was %s", async (_, remove) => {
    const home = await recorded();
    remove(home);
    const { exitCode, stdout } = await home.verify();
    expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/Valid: +NO/)]);
    expect(stdout).toMatch(/rolled-back: there is no ledger, and .* remembers \d+ events/);
  });

  test("misses checkpoints that were deleted", async () => {
    const home = await recorded();
    const db = new Database(home.ledger);
    const guard = "SELECT sql FROM sqlite_master WHERE name = 'checkpoint_delete_guard'";
    const made = db.query<{ sql: string }, []>(guard).get()?.sql ?? "";
    db.run("DROP TRIGGER checkpoint_delete_guard");
    db.run("DELETE FROM checkpoint");
    db.run(made);
    db.close();
    const { exitCode, stdout } = await home.verify();
    expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/Valid: +NO/)]);
    expect(stdout).toMatch(/checkpoint-missing: a checkpoint is not there .* over \d+ events/);
  });

  test("says so when the key is another one", async () => {
    const home = await recorded();
    const other = await recorded();
    writeFileSync(home.key, readFileSync(other.key));
    const { exitCode, stdout } = await home.verify();
    expect([exitCode, stdout]).toEqual([
      1,
      expect.stringContaining("not signed with the key that is here"),
    ]);
  });
});

describe("whoever reads a ledger is told", () => {
  const missed = /^warning: ".*ledger\.db" has 0 events, and had \d+: run `aegis audit verify`\n/;
  test("that it was emptied, each time", async () => {
    const home = await recorded();
    removeLedger(home);
    writeFileSync(home.ledger, "");
    for (const args of [["log"], ["audit", "sessions"], ["audit", "export"], ["report"]])
      expect((await home.aegis(...args)).stderr).toMatch(missed);
  });
  test("that it is an older copy, and nothing when all is there", async () => {
    const home = await recorded();
    const copy = readFileSync(home.ledger);
    await home.run("second");
    expect((await home.aegis("log")).stderr).toBe("");
    removeLedger(home);
    writeFileSync(home.ledger, copy);
    const told = /^warning: ".*" has \d+ events, and had \d+: run `aegis audit verify`\n$/;
    expect((await home.aegis("log")).stderr).toMatch(told);
  });
  test("nothing by one whose checkpoints and key are its own alone", async () => {
    const home = await recorded();
    const other = await recorded();
    expect((await home.aegis("log", "--ledger", other.ledger)).stderr).toBe("");
  });
});

describe("a command is not run", () => {
  test.each<[string, (home: Home, other: Home) => void, RegExp]>([
    [
      "holds no key",
      ({ key }) => writeFileSync(key, "x\n"),
      /signing key .*: it does not hold a key/,
    ],
    ["others may read", ({ key }) => chmodSync(key, 0o644), /signing key .*others may read/],
    ["is gone", ({ key }) => rmSync(key), /its key is gone.*\n.*put that key back/],
    [
      "is another one's",
      ({ key }, other) => writeFileSync(key, readFileSync(other.key)),
      /another key .* has signed it/,
    ],
  ])("when the key that signed its ledger %s", async (_, damage, why) => {
    const home = await recorded();
    const before = readFileSync(home.key);
    damage(home, await recorded());
    const { exitCode, stderr } = await home.run("second");
    expect([exitCode, stderr]).toEqual([125, expect.stringMatching(why)]);
    expect(home.ran("second")).toBe(false);
    // Nothing took its place, so putting it back is enough.
    writeFileSync(home.key, before, { mode: 0o600 });
    chmodSync(home.key, 0o600);
    expect((await home.run("third")).exitCode).toBe(0);
    expect(home.ran("third")).toBe(true);
    expect((await home.verify()).exitCode).toBe(0);
  });
});
