// What a ledger keeps outside its database: the signing key and the memory of its head. Real files,
// and several processes that want to make the same key.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { AegisError } from "../../../src/base/errors.ts";
import { walSizeMaxBytes } from "../../../src/base/limits.ts";
import { sealRecords } from "../../../src/ledger/control/sealed-store.ts";
import { openLedger, openLedgerForReading, outsideOf } from "../../../src/ledger/open.ts";
import { openSqliteStore } from "../../../src/ledger/sqlite/store.ts";
import { createHeadFile } from "../../../src/ledger/tree/head-memory.ts";
import { keyFile } from "../../../src/ledger/tree/signer.ts";
import { failingDisk } from "../../support/failing-disk.ts";
import { testWith } from "../../support/features.ts";
import {
  access,
  opening,
  recordSession,
  sqliteLedger,
  startMs,
  testPolicy,
} from "../../support/ledger.ts";
import { makeOlder } from "../../support/older-ledger.ts";
import { testMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe("the signing key", () => {
  test("is made on first use, for its owner only, and is the same ever after", async () => {
    const path = `${tempDir()}/deep/keys/ledger.key`;
    const source = keyFile(path, "aegis.local/a");
    expect(await source.verifierKey()).toBeUndefined();
    const { verifierKey } = await source.signer();
    expect(await keyFile(path, "aegis.local/a").verifierKey()).toBe(verifierKey);
    expect(mode(path)).toBe("600");
    expect(mode(join(path, ".."))).toBe("700");
    expect(readdirSync(join(path, ".."))).toEqual(["ledger.key"]);
    expect(readFileSync(path, "utf8")).toMatch(/^aegis-key-1 ed25519 [A-Za-z0-9+/]{43}=\n$/);
  });

  test("belongs to the home, but every ledger signs by its own name", async () => {
    const path = `${tempDir()}/ledger.key`;
    const a = await (await keyFile(path, "aegis.local/a").signer()).sign("x\n");
    const b = await (await keyFile(path, "aegis.local/b").signer()).sign("x\n");
    expect(a).not.toBe(b);
  });

  test("signs the same at once as with waiting", async () => {
    const signer = await keyFile(`${tempDir()}/ledger.key`, "aegis.local/a").signer();
    const atOnce = await signer.atOnce();
    for (const text of ["x\n", "ü\n".repeat(999)])
      expect(atOnce(text)).toBe(await signer.sign(text));
  });

  test("is one key when many processes make it at once", async () => {
    const path = `${tempDir()}/ledger.key`;
    const program = `
      import { keyFile } from "${join(import.meta.dir, "../../../src/ledger/tree/signer.ts")}";
      console.log((await keyFile(process.argv[1] ?? "", "aegis.local/a").signer()).verifierKey);`;
    const makers = Array.from({ length: 6 }, () =>
      Bun.spawn([process.execPath, "-e", program, path], { stdio: ["ignore", "pipe", "inherit"] }),
    );
    const keys = await Promise.all(makers.map(({ stdout }) => stdout.text()));
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toStartWith("aegis.local/a+");
  });

  test.each<[string, (path: string) => void, string]>([
    ["others can read", (path) => writeFileSync(path, "x", { mode: 0o644 }), "others may read"],
    [
      "holds something else",
      (path) => writeFileSync(path, "x", { mode: 0o600 }),
      "does not hold a key",
    ],
    [
      "is cut short",
      (path) => writeFileSync(path, "aegis-key-1 ed25519 AAAA\n", { mode: 0o600 }),
      "does not hold a key",
    ],
    ["is a link", (path) => symlinkSync("/dev/null", path), "Cannot use the signing key"],
    ["is a folder", (path) => mkdirSync(path, { mode: 0o700 }), "Cannot use the signing key"],
  ])("that %s is refused, not replaced", async (_, make, why) => {
    const path = `${tempDir()}/ledger.key`;
    make(path);
    const source = keyFile(path, "aegis.local/a");
    const failure = await source.signer().catch((error) => error);
    expect(failure.code).toBe("ledger/unavailable");
    expect(failure.message).toContain(why);
    expect(source.verifierKey()).rejects.toThrow(why);
  });
});

describe("the head memory", () => {
  const root = btoa("r".repeat(32));
  const head = (size: number, origin = "aegis.local/a") => ({ origin, size, root });

  test("remembers every head, and which is the largest of the last ledger", () => {
    const memory = createHeadFile(`${tempDir()}/deep/heads/x`);
    expect(memory.latest()).toBeUndefined();
    expect(memory.all()).toEqual({ heads: [], unreadable: 0 });
    for (const size of [1, 5, 3]) memory.remember(head(size), size === 5);
    expect(memory.latest()).toEqual(head(5));
    expect(memory.all().heads).toEqual([head(1), head(5), head(3)]);
    memory.remember(head(2, "aegis.local/b"), false);
    expect(memory.latest()).toEqual(head(2, "aegis.local/b"));
    expect(mode(memory.place)).toBe("600");
    expect(mode(join(memory.place, ".."))).toBe("700");
  });

  test("still knows its last heads after thousands", () => {
    const memory = createHeadFile(`${tempDir()}/x`);
    for (let size = 1; size <= 3000; size++) memory.remember(head(size), false);
    expect(memory.latest()).toEqual(head(3000));
    expect(memory.all().heads).toHaveLength(3000);
  });

  test.each([
    ["cut short", "aegis.local/a 12"],
    ["without a root", "aegis.local/a 12 "],
    ["with a root that is none", "aegis.local/a 12 AAAA"],
    ["with a word too many", `aegis.local/a 12 ${root} x`],
    ["with a size that is none", `aegis.local/a x ${root}`],
  ])("counts a line %s as unreadable and goes on after it", (_, line) => {
    const memory = createHeadFile(`${tempDir()}/x`);
    memory.remember(head(1), true);
    appendFileSync(memory.place, line);
    memory.remember(head(2), true);
    expect(memory.latest()).toEqual(head(2));
    expect(memory.all()).toEqual({ heads: [head(1), head(2)], unreadable: 1 });
  });

  testWith(["tool gcc"], "does not remember seals of records that the disk did not take", () => {
    const place = `${tempDir()}/heads/x`;
    const memory = createHeadFile(place);
    memory.rememberSealedRecords("aegis.local/a");
    const flag = `${tempDir()}/failing`;
    writeFileSync(flag, "");
    const module = join(import.meta.dir, "../../../src/ledger/tree/head-memory.ts");
    const remember = `createHeadFile("${place}").rememberSealedRecords("aegis.local/b")`;
    const code = `(await import("${module}")).${remember}`;
    const run = (env: Record<string, string>) =>
      Bun.spawnSync([process.execPath, "-e", code], { env, stdio: ["ignore", "ignore", "ignore"] });
    expect(run({ LD_PRELOAD: failingDisk(), FAIL_WHILE: flag }).exitCode).not.toBe(0);
    expect(memory.areRecordsSealed("aegis.local/b")).toBe(false);
    expect(run({}).exitCode).toBe(0);
    for (const origin of ["aegis.local/a", "aegis.local/b"]) {
      expect(memory.areRecordsSealed(origin)).toBe(true);
    }
  });

  test("remembers when a ledger was restored last, durably and of the last one alone", () => {
    const place = `${tempDir()}/deep/heads/x`;
    const memory = createHeadFile(place);
    const restored = { origin: "aegis.local/a", size: 7, unixMs: 9 };
    expect(memory.restored("aegis.local/a")).toBeUndefined();
    memory.rememberRestored({ ...restored, size: 5 });
    memory.rememberRestored(restored);
    expect(memory.restored("aegis.local/a")).toEqual(restored);
    expect(memory.restored("aegis.local/b")).toBeUndefined();
    const file = join(place, "../../restored/x");
    expect(mode(file)).toBe("600");
    expect(readdirSync(join(file, ".."))).toEqual(["x"]);
    for (const text of ["aegis.local/a", "aegis.local/a 7", "aegis.local/a 7 9 1", "a x 9"]) {
      writeFileSync(file, `${text}\n`);
      expect(() => memory.restored("aegis.local/a")).toThrow("is damaged");
    }
  });

  test("that is a link or cannot be read is an error, not a forgotten past", () => {
    const linked = `${tempDir()}/x`;
    symlinkSync("/dev/null", linked);
    expect(() => createHeadFile(linked).latest()).toThrow("head memory");
    expect(() => createHeadFile(linked).remember(head(1), false)).toThrow("head memory");
    const folder = tempDir();
    expect(() => createHeadFile(folder).all()).toThrow("head memory");
  });
});

describe("the database file", () => {
  test("is made for its owner only, with its folders", async () => {
    const path = `${tempDir()}/a/b/ledger.db`;
    const store = openSqliteStore(path);
    await store.head();
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(mode(file)).toBe("600");
    expect(mode(join(path, ".."))).toBe("700");
    await store.close();
  });

  test.each<[string, (path: string) => void, RegExp]>([
    ["no database", (path) => writeFileSync(path, "x".repeat(5000)), /not a database/],
    [
      "another program's database",
      (path) => otherDatabase(path, "PRAGMA user_version = 0"),
      /another kind/,
    ],
    [
      "another program's, with our version",
      (path) => otherDatabase(path, "PRAGMA user_version = 1"),
      /another kind/,
    ],
    ["a folder", (path) => mkdirSync(path), /unable to open/],
  ])("that is %s is refused and left alone", (_, make, why) => {
    const path = `${tempDir()}/ledger.db`;
    make(path);
    const before = statSync(path).isFile() ? readFileSync(path) : undefined;
    expect(() => openSqliteStore(path)).toThrow(why);
    if (before !== undefined) expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("below what is no folder is refused with a hint", () => {
    const file = `${tempDir()}/file`;
    writeFileSync(file, "");
    const failure = capture(() => openSqliteStore(`${file}/below/ledger.db`));
    expect(failure).toMatchObject({
      code: "ledger/unavailable",
      message: expect.stringContaining("ENOTDIR"),
      hint: "check that its folder is there, and that you may write to it",
    });
  });

  test("of a newer aegis is refused with the way out", async () => {
    const path = `${tempDir()}/ledger.db`;
    await openSqliteStore(path).close();
    const db = new Database(path);
    db.run("PRAGMA user_version = 99");
    db.close();
    const failure = capture(() => openSqliteStore(path));
    expect(failure).toMatchObject({ code: "ledger/unavailable", hint: "update aegis" });
  });

  test(
    "that is locked by another is refused after the wait, and nothing is lost",
    async () => {
      const home = tempDir();
      const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
      const ledger = await openLedger(place);
      await recordSession(ledger, 1);
      const other = new Database(place.database);
      other.run("BEGIN IMMEDIATE");
      const failure = await ledger
        .tag((await ledger.sessions({ last: 1 }))[0]?.id as never, "x", 0)
        .catch((error) => error);
      expect(failure).toMatchObject({ code: "ledger/unavailable" });
      expect(failure.hint).toContain("another process");
      other.run("ROLLBACK");
      other.close();
      await recordSession(ledger, 1);
      expect((await ledger.verify()).valid).toBe(true);
      await ledger.close();
    },
    testMs,
  );

  test(
    "that is locked whole is refused after the wait",
    () => {
      const path = `${tempDir()}/ledger.db`;
      openSqliteStore(path).close();
      const other = new Database(path);
      other.run("PRAGMA locking_mode = EXCLUSIVE");
      other.run("BEGIN EXCLUSIVE");
      const failure = capture(() => openSqliteStore(path));
      expect(failure).toMatchObject({ code: "ledger/unavailable" });
      expect((failure as AegisError).hint).toContain("another process");
      other.close();
      openSqliteStore(path).close();
    },
    testMs,
  );

  test("keeps its write-ahead log short, and folds it away when the last one closes", async () => {
    const { ledger, path } = sqliteLedger();
    const writer = await ledger.openSession(opening(), testPolicy, startMs);
    const batch = Array.from({ length: 1000 }, (_, i) => access(`/f${i}`));
    const sizes: number[] = [];
    for (let i = 0; i < 30; i++) {
      await writer.append(batch);
      sizes.push(statSync(`${path}-wal`).size);
    }
    expect(Math.max(...sizes)).toBeGreaterThan(walSizeMaxBytes / 2);
    expect(Math.max(...sizes)).toBeLessThan(walSizeMaxBytes * 1.5);
    await ledger.close();
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("keeps it short however little each of many adds to it", async () => {
    const home = tempDir();
    const sizes: number[] = [];
    for (let i = 0; i < 60; i++) {
      const { ledger, path } = sqliteLedger(home);
      const writer = await ledger.openSession(opening(), testPolicy, startMs);
      await writer.append(Array.from({ length: 20 }, (_, n) => access(`/f${i}/${n}`)));
      sizes.push(statSync(`${path}-wal`).size);
    }
    expect(Math.max(...sizes)).toBeGreaterThan(walSizeMaxBytes / 2);
    expect(Math.max(...sizes)).toBeLessThan(walSizeMaxBytes * 1.5);
  });

  test("that is absent reads as empty and is not made by looking", async () => {
    const home = tempDir();
    const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
    const ledger = await openLedgerForReading(place);
    expect(await ledger.sessions({ last: 9 })).toEqual([]);
    expect((await ledger.verify()).valid).toBe(true);
    expect(ledger.checkpoint()).rejects.toThrow("nothing was recorded");
    await ledger.close();
    expect(readdirSync(home)).toEqual([]);
  });

  test("that was deleted is missed by whoever reads", async () => {
    const home = tempDir();
    const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
    const ledger = await openLedger(place);
    await recordSession(ledger, 5);
    await ledger.close();
    rmSync(place.database);
    const reader = await openLedgerForReading(place);
    expect((await reader.verify()).findings).toMatchObject([{ kind: "rolled-back" }]);
    await reader.close();
  });
});

test("a ledger of the first version is brought up to date, and says the same as before", async () => {
  const home = tempDir();
  const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
  const before = await openLedger(place);
  await recordSession(before, 5);
  await before.close();
  const db = new Database(place.database);
  makeOlder(db, 1);
  db.close();
  const after = await openLedger(place);
  expect(await after.verify()).toMatchObject({ valid: true, eventCount: 9 });
  await recordSession(after, 5);
  expect((await after.verify()).findings).toEqual([]);
  await after.close();
});

test("a ledger of the second version is, and its records are told of until a server seals them", async () => {
  const home = tempDir();
  const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
  const before = await openLedger(place);
  await recordSession(before, 5);
  await before.close();
  const db = new Database(place.database);
  db.run("INSERT INTO record VALUES ('idempotency', 'acme/k', '{}')");
  makeOlder(db, 2);
  db.close();
  const after = await openLedger(place);
  const told = [expect.stringContaining("1 records are of an older aegis")];
  expect(await after.verify()).toMatchObject({ valid: true, eventCount: 9, warnings: told });
  await after.close();
  const store = openSqliteStore(place.database);
  await sealRecords(store, outsideOf(place, store.origin));
  await store.close();
  const served = await openLedger(place);
  expect(await served.verify()).toMatchObject({ valid: true, findings: [], warnings: [] });
  await served.close();
});

function otherDatabase(path: string, pragma: string): void {
  const db = new Database(path);
  db.run("CREATE TABLE notes(text)");
  db.run(pragma);
  db.close();
}

function capture(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
