// Backups of a ledger and what is restored from them: whole, verified, and never in anything's
// place.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { makeBackup } from "../../src/ledger/backup/backup.ts";
import { inSqlite } from "../../src/ledger/backup/in-sqlite.ts";
import { type RestoreOptions, restoreBackup } from "../../src/ledger/backup/restore.ts";
import { openLedger } from "../../src/ledger/open.ts";
import { waitFor } from "../support/harness.ts";
import { recordSession, startMs } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

const now = { nowUnixMs: startMs };

/** A home with a ledger of that many accesses. */
async function recorded(accesses: number) {
  const home = tempDir("backup");
  const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
  const ledger = await openLedger(place);
  await recordSession(ledger, accesses);
  return { home, place, ledger, file: `${home}/one.backup` };
}

function options(backup: string, changes: Partial<RestoreOptions> = {}): RestoreOptions {
  const usual = { checkpoint: undefined, acceptOlder: false, withoutKey: false, ...now };
  return { backup, ...usual, ...changes };
}

/** Another machine: nothing of the first one is there. */
function elsewhere() {
  const home = tempDir("elsewhere");
  return { database: `${home}/new/ledger.db`, keys: `${home}/keys` };
}

async function report(place: { database: string; keys: string }) {
  const ledger = await openLedger(place);
  try {
    return await ledger.verify();
  } finally {
    await ledger.close();
  }
}

describe("a backup", () => {
  test("with the key restores on another machine, and the ledger goes on there", async () => {
    const { place, ledger, file } = await recorded(300);
    const { facts } = await makeBackup(inSqlite(place), { target: file, withKey: true, ...now });
    expect(facts).toMatchObject({ size: 304, madeUnixMs: startMs });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const there = elsewhere();
    const restored = await restoreBackup(inSqlite(there), options(file));
    expect(restored).toMatchObject({ isKeyRestored: true, isProven: true, missing: 0, facts });
    expect(statSync(there.database).mode & 0o777).toBe(0o600);
    expect(await report(there)).toMatchObject({ valid: true, warnings: [], eventCount: 304 });
    const next = await openLedger(there);
    await recordSession(next, 3);
    expect(await next.verify()).toMatchObject({ valid: true });
    expect(await next.verifierKey()).toBe(await ledger.verifierKey());
  });

  test(
    "has one moment of a ledger that is written to, and nothing is lost there",
    async () => {
      const { home, place, ledger } = await recorded(10);
      const program = join(import.meta.dir, "../fixtures/ledger-writer.ts");
      const argv = [process.execPath, program, place.database, place.keys, "1000000", "3"];
      const writer = Bun.spawn(argv, { stdio: ["ignore", "pipe", "inherit"] });
      let acknowledged = 0;
      // Read all the while: a writer nobody listens to would stand still.
      const listening = (async () => {
        for await (const piece of writer.stdout) acknowledged += piece.length;
      })();
      const sizes: number[] = [];
      for (let i = 0; i < 3; i++) {
        const before = acknowledged;
        await waitFor("more events", () => acknowledged > before);
        const target = `${home}/${i}.backup`;
        const { facts } = await makeBackup(inSqlite(place), { target, withKey: true, ...now });
        const there = elsewhere();
        await restoreBackup(inSqlite(there), options(target));
        const found = await report(there);
        expect(found).toMatchObject({ valid: true, eventCount: facts.size });
        sizes.push(facts.size);
      }
      writer.kill("SIGKILL");
      await Promise.all([writer.exited, listening]);
      expect(new Set(sizes).size).toBe(3);
      expect(await ledger.verify()).toMatchObject({ valid: true });
    },
    testMs,
  );

  test("leaves no file behind but itself", async () => {
    const { home, place, file } = await recorded(5);
    const before = readdirSync(home);
    await makeBackup(inSqlite(place), { target: file, withKey: false, ...now });
    expect(readdirSync(home).sort()).toEqual([...before, "one.backup"].sort());
  });

  test("never takes the place of a file", async () => {
    const { home, place, file } = await recorded(5);
    writeFileSync(file, "mine");
    const before = readdirSync(home);
    const made = makeBackup(inSqlite(place), { target: file, withKey: false, ...now });
    await expect(made).rejects.toThrow("it exists");
    expect(readFileSync(file, "utf8")).toBe("mine");
    expect(readdirSync(home)).toEqual(before);
  });

  test("is not made of a ledger that does not verify", async () => {
    const { place, ledger, file } = await recorded(5);
    await ledger.close();
    const db = new Database(place.database);
    db.run("DROP TRIGGER event_update_guard");
    db.run("UPDATE event SET body = replace(body, 'file-2', 'file-7')");
    db.close();
    const made = makeBackup(inSqlite(place), { target: file, withKey: false, ...now });
    await expect(made).rejects.toThrow("is not what was sealed");
    expect(existsSync(file)).toBe(false);
  });
});

describe("a ledger of a newer aegis", () => {
  /** A backup as a newer aegis makes it: of this format, but for the number. */
  async function newerBackup() {
    const { place, ledger, file } = await recorded(5);
    await ledger.close();
    const db = new Database(place.database);
    const { user_version: version } = db
      .query<{ user_version: number }, []>("PRAGMA user_version")
      .get() ?? { user_version: 0 };
    db.run(`PRAGMA user_version = ${version + 1}`);
    db.close();
    return { place, file, says: `its format ${version + 1} is newer than ${version}` };
  }
  test("is not backed up: what it holds cannot be checked", async () => {
    const { place, file, says } = await newerBackup();
    const made = makeBackup(inSqlite(place), { target: file, withKey: true, ...now });
    await expect(made).rejects.toThrow(`"${place.database}": ${says}`);
    expect(existsSync(file)).toBe(false);
  });
});

describe("a damaged backup is refused", () => {
  test(
    "whichever byte of it is another one",
    async () => {
      const { place, file } = await recorded(5);
      await makeBackup(inSqlite(place), { target: file, withKey: true, ...now });
      const sound = readFileSync(file);
      const broken = `${file}.broken`;
      const there = elsewhere();
      // Every byte of the end, and some of each page before it.
      const end = sound.length - 700;
      const places = [
        ...Array.from({ length: 30 }, (_, i) => Math.floor((end / 30) * i)),
        ...Array.from({ length: 700 }, (_, i) => end + i),
      ];
      const messages = new Set<string>();
      for (const at of places) {
        const bytes = Buffer.from(sound);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
        writeFileSync(broken, bytes);
        const error = await restoreBackup(inSqlite(there), options(broken)).then(
          () => `byte ${at} was not missed`,
          (thrown: Error) => thrown.message,
        );
        expect(error).toContain(`Cannot accept the backup "${broken}"`);
        messages.add(error.slice(error.indexOf('": ') + 3).replace(/[0-9a-f]{64}/g, "HASH"));
        expect(existsSync(there.database)).toBe(false);
      }
      expect([...messages].sort()).toEqual([
        "its end is missing, or it is no backup",
        "its length is not the one that was written",
        "the key in it is not the one that was backed up",
        "the ledger in it hashes to HASH instead of HASH",
        "what it says about itself is damaged",
        "what it says about itself was not signed with the ledger's key",
      ]);
    },
    testMs,
  );

  test("where it is cut off, or something comes before or after it", async () => {
    const { place, file } = await recorded(5);
    await makeBackup(inSqlite(place), { target: file, withKey: true, ...now });
    const sound = readFileSync(file);
    const broken = `${file}.broken`;
    for (const bytes of [
      sound.subarray(0, sound.length - 1),
      sound.subarray(1),
      Buffer.concat([sound, Buffer.from("x")]),
      Buffer.concat([Buffer.from("x"), sound]),
      Buffer.alloc(0),
      Buffer.alloc(4096),
    ]) {
      writeFileSync(broken, bytes);
      await expect(restoreBackup(inSqlite(elsewhere()), options(broken))).rejects.toThrow(broken);
    }
  });

  test("when its events are others than its head was signed over", async () => {
    const { place, file } = await recorded(5);
    await makeBackup(inSqlite(place), { target: file, withKey: true, ...now });
    // Somebody with the key puts another ledger in.
    const other = await recorded(7);
    copyFileSync(`${place.keys}/ledger.key`, `${other.place.keys}/ledger.key`);
    chmodSync(`${other.place.keys}/ledger.key`, 0o600);
    const made = makeBackup(inSqlite(other.place), { target: other.file, withKey: true, ...now });
    await expect(made).rejects.toThrow("checkpoint");
  });
});

describe("restoring", () => {
  test.each(["", "-wal", "-shm"])("never takes the place of a ledger: %p", async (end) => {
    const { place, file } = await recorded(5);
    const made = await makeBackup(inSqlite(place), { target: file, withKey: true, ...now });
    expect(made.warnings).toEqual([]);
    const there = elsewhere();
    const { warnings } = await restoreBackup(inSqlite(there), options(file));
    // Nothing was ever remembered there.
    expect(warnings).toEqual([expect.stringContaining(`"${there.keys}/heads/`)]);
    const again = { ...there, database: `${there.database}2` };
    writeFileSync(`${again.database}${end}`, "mine");
    await expect(restoreBackup(inSqlite(again), options(file))).rejects.toThrow("it exists");
    expect(readFileSync(`${again.database}${end}`, "utf8")).toBe("mine");
  });

  test("an older backup than the published head says so, and does it only when told", async () => {
    const { home, place, ledger, file } = await recorded(5);
    await makeBackup(inSqlite(place), { target: file, withKey: false, ...now });
    await recordSession(ledger, 20);
    await ledger.close();
    for (const name of ["ledger.db", "ledger.db-wal", "ledger.db-shm"]) {
      if (existsSync(`${home}/${name}`)) Bun.spawnSync(["rm", `${home}/${name}`]);
    }
    const restoring = restoreBackup(inSqlite(place), options(file));
    await expect(restoring).rejects.toThrow("it has 9 events, and the ledger had 32");
    expect(existsSync(place.database)).toBe(false);
    const restored = await restoreBackup(inSqlite(place), options(file, { acceptOlder: true }));
    expect(restored.missing).toBe(23);
    expect(existsSync(restored.olderMemory ?? "")).toBe(true);
    expect(await report(place)).toMatchObject({ valid: true, eventCount: 9 });
  });

  test("is held against a checkpoint that was kept elsewhere", async () => {
    const { place, ledger, file } = await recorded(5);
    const early = await ledger.checkpoint();
    await makeBackup(inSqlite(place), { target: file, withKey: true, ...now });
    await recordSession(ledger, 1);
    const late = await ledger.checkpoint();
    const older = options(file, { checkpoint: late.note });
    await expect(restoreBackup(inSqlite(elsewhere()), older)).rejects.toThrow("the ledger had 13");
    const reached = options(file, { checkpoint: early.note });
    expect(await restoreBackup(inSqlite(elsewhere()), reached)).toMatchObject({ missing: 0 });
    const forged = options(file, { checkpoint: early.note.replace("\n9\n", "\n8\n") });
    await expect(restoreBackup(inSqlite(elsewhere()), forged)).rejects.toThrow("signature");
  });

  test("takes no backup of another history", async () => {
    const { place, file } = await recorded(5);
    await makeBackup(inSqlite(place), { target: file, withKey: true, ...now });
    const there = elsewhere();
    const other = await openLedger(there);
    await recordSession(other, 5);
    await other.close();
    Bun.spawnSync(["sh", "-c", `rm ${there.database}*`]);
    await expect(restoreBackup(inSqlite(there), options(file))).rejects.toThrow("is another key");
  });

  test("without any key is refused, and done when told, with a warning", async () => {
    const { place, file } = await recorded(5);
    await makeBackup(inSqlite(place), { target: file, withKey: false, ...now });
    await expect(restoreBackup(inSqlite(elsewhere()), options(file))).rejects.toThrow(
      "neither here nor in",
    );
    const there = elsewhere();
    const restored = await restoreBackup(inSqlite(there), options(file, { withoutKey: true }));
    expect(restored).toMatchObject({ isKeyRestored: false, isProven: false });
    expect(restored.warnings).toContain("the signing key is not here, so no signature was checked");
    expect(await report(there)).toMatchObject({ valid: true, eventCount: 9 });
  });
});
