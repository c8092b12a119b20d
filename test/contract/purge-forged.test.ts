// Taking events out without the key, by somebody who has the database and our code: found and
// named. And what a purge leaves in the files of SQLite, and does to those of older versions.

import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { makeBackup } from "../../src/ledger/backup/backup.ts";
import { inSqlite } from "../../src/ledger/backup/in-sqlite.ts";
import { restoreBackup } from "../../src/ledger/backup/restore.ts";
import type { PurgeWish } from "../../src/ledger/contract.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { type LedgerPlace, openLedger } from "../../src/ledger/open.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import { createHeadList } from "../../src/ledger/tree/head-memory.ts";
import { createSigner } from "../../src/ledger/tree/signer.ts";
import { access, opening, recordSession, startMs, testPolicy } from "../support/ledger.ts";
import { attack, editHonestly } from "../support/ledger-attack.ts";
import { makeOlder } from "../support/older-ledger.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

setDefaultTimeout(testMs);

const wish: PurgeWish = {
  ...{ beforeUnixMs: startMs + 10, tsUnixMs: startMs + 20 },
  ...{ by: "me", command: ["aegis"], directory: "/" },
};
const restoring = { withoutKey: false, nowUnixMs: startMs };
const secret = "planted-5ecret";

function newPlace(): LedgerPlace {
  const home = tempDir("purge");
  return { database: `${home}/ledger.db`, keys: `${home}/keys` };
}

/** Two ended sessions of 14 events, the second without its policy, and one that goes on. */
async function recorded(place = newPlace()): Promise<LedgerPlace> {
  const ledger = await openLedger(place);
  await recordSession(ledger, 10, { command: ["sh", "-c", secret], tag: `${secret}-tag` });
  await recordSession(ledger, 10);
  const open = await ledger.openSession(opening({ name: "open" }), testPolicy, startMs);
  await open.append([access("/usr/kept")]);
  await ledger.checkpoint();
  await ledger.close();
  return place;
}

async function findingsIn(place: LedgerPlace) {
  const ledger = await openLedger(place);
  const { findings } = await ledger.verify();
  await ledger.close();
  return findings;
}

async function purgeIn(place: LedgerPlace) {
  const ledger = await openLedger(place);
  const purged = await ledger.purge(wish);
  await ledger.close();
  return purged;
}

const moved = (where: string): readonly string[] => [
  `INSERT INTO purged SELECT idx, session, leaf FROM event WHERE ${where}`,
  `DELETE FROM event WHERE ${where}`,
];
const blanked = "command = '[]', directory = '', tag = NULL, last_hash = ''";

describe("events taken out without the key", () => {
  test("and nothing said of it", async () => {
    const place = await recorded();
    attack(place.database, ...moved("session = 1"), `UPDATE session SET ${blanked} WHERE num = 1`);
    const findings = await findingsIn(place);
    expect(findings[0]).toMatchObject({ kind: "purge-invalid", index: 0 });
    expect(findings[0]?.message).toMatch(/^event 0 and 13 more of session ".+" were taken out/);
  });

  test("one alone, of a session that is there", async () => {
    const place = await recorded();
    attack(place.database, ...moved("idx = 5"));
    const kinds = (await findingsIn(place)).map(({ kind, index }) => [kind, index]);
    expect(kinds).toContainEqual(["purge-invalid", 5]);
  });

  test("and said with another key", async () => {
    const place = await recorded();
    const store = openSqliteStore(place.database);
    const { origin } = store;
    const forger = createSigner(origin, new Uint8Array(32).fill(9));
    const keys = {
      signer: () => forger,
      verifierKey: async () => (await forger).verifierKey,
      recordKey: async () => (await forger).recordKey,
    };
    // To whom nobody has signed anything yet.
    const blind = { ...store, checkpoints: async () => [], snapshot: withoutCheckpoints(store) };
    const forged = createLedger({ store: blind, keys, memory: createHeadList() });
    expect(await forged.purge(wish)).toMatchObject({ sessionCount: 2 });
    await store.close();
    const findings = await findingsIn(place);
    const purges = findings.filter(({ kind }) => kind === "purge-invalid");
    expect(purges.map(({ message }) => message.replaceAll(/".+?"/g, "S"))).toEqual([
      "event 0 and 13 more of session S were taken out, and no signed purge says so",
      "event 14 and 12 more of session S were taken out, and no signed purge says so",
      "event 32 says that session S was purged, not signed with the ledger's key",
      "event 33 says that session S was purged, not signed with the ledger's key",
    ]);
  });

  test("more than the signed purge took, others, or put back", async () => {
    const purged = async (): Promise<LedgerPlace> => {
      const place = await recorded();
      await purgeIn(place);
      expect(await findingsIn(place)).toEqual([]);
      return place;
    };
    const cases: readonly (readonly [RegExp, ...(readonly string[])])[] = [
      [/^event 3 is missing/, "DELETE FROM purged WHERE idx = 3"],
      [/^event 13 and 13 more .+ not those that/, "UPDATE purged SET session = 2 WHERE idx = 13"],
      [/not those that event \d+ purged/, "UPDATE purged SET leaf = zeroblob(32) WHERE idx = 7"],
      [/^event 27 .+ were taken out, and no signed/, ...moved("session = 3")],
      [
        /were purged by event \d+, and it has others/,
        "INSERT INTO event SELECT idx, session, 5, 0, 'X', NULL, leaf, '{}' FROM purged WHERE idx = 5",
        "DELETE FROM purged WHERE idx = 5",
      ],
      [/says that session ".+" was purged: it was not/, "DELETE FROM purged WHERE session = 2"],
      [/has a row with another lastHash/, "UPDATE session SET last_hash = 'x' WHERE num = 1"],
      [/has a row with another command/, "UPDATE session SET command = '[\"x\"]' WHERE num = 1"],
      [/loaded other policies/, "UPDATE policy_load SET ts_ms = 1 WHERE session = 1"],
      [
        /is not what was sealed/,
        'UPDATE event SET body = replace(body, \'"by":"me"\', \'"by":"xx"\') WHERE type = \'SESSION_PURGED\'',
      ],
    ];
    for (const [message, ...statements] of cases) {
      const place = await purged();
      attack(place.database, ...statements);
      const messages = (await findingsIn(place)).map((finding) => finding.message);
      expect(messages.join("\n")).toMatch(new RegExp(message.source, "m"));
    }
  });

  test("is refused to honest tools by the guards", async () => {
    const place = await recorded();
    const refused = [
      "DELETE FROM event WHERE idx = 3",
      "INSERT INTO purged VALUES (3, 1, zeroblob(32))",
      "INSERT INTO purged VALUES (999, 1, zeroblob(32))",
      `UPDATE session SET ${blanked} WHERE num = 1`,
    ];
    const grows = "the ledger only grows";
    for (const sql of refused) expect(() => editHonestly(place.database, sql)).toThrow(grows);
    await purgeIn(place);
    for (const sql of ["DELETE FROM purged", "UPDATE purged SET leaf = x''"]) {
      expect(() => editHonestly(place.database, sql)).toThrow(grows);
    }
  });
});

function withoutCheckpoints(store: ReturnType<typeof openSqliteStore>) {
  return async () => ({ ...(await store.snapshot()), checkpoints: () => [] });
}

test("where the key is not, a purge is told of and not believed blindly", async () => {
  const place = await recorded();
  await purgeIn(place);
  const store = openSqliteStore(place.database);
  const nobody = async () => undefined;
  const keys = { signer: () => Promise.reject(), verifierKey: nobody, recordKey: nobody };
  const ledger = createLedger({ store, keys, memory: createHeadList() });
  const { warnings, findings, purged } = await ledger.verify();
  expect(findings).toEqual([]);
  expect(purged).toBe(27);
  expect(warnings).toContain("the signing key is not here, so 2 purges were not checked");
  await ledger.close();
});

test("of what was purged nothing is left in the files, also while another process has them open", async () => {
  const place = await recorded();
  const files = () =>
    ["", "-wal"].map((end) => place.database + end).filter((path) => existsSync(path));
  const holding = () => files().filter((path) => readFileSync(path).includes(secret));
  const paths = () => files().filter((path) => readFileSync(path).includes("/usr/lib/file-3"));
  const other = await openLedger(place);
  await recordSession(other, 3, { command: [secret] });
  expect(await other.verify()).toMatchObject({ valid: true });
  expect(holding()).toHaveLength(2);
  await purgeIn(place);
  expect([holding(), paths()]).toEqual([[], []]);
  await recordSession(other, 3);
  expect((await other.verify()).findings).toEqual([]);
  await other.close();
  expect(holding()).toEqual([]);
});

test("a reader that keeps the log is told of, and the next purge finishes", async () => {
  const place = await recorded();
  const reader = new Database(place.database, { readonly: true });
  reader.run("BEGIN");
  expect(reader.query("SELECT count(*) AS n FROM event").get()).toEqual({ n: 31 });
  const told = "purge again to finish";
  await expect(purgeIn(place)).rejects.toMatchObject({
    code: "ledger/unavailable",
    message: expect.stringContaining(told),
  });
  expect(reader.query("SELECT count(*) AS n FROM event").get()).toEqual({ n: 31 });
  reader.close();
  expect(await purgeIn(place)).toMatchObject({ sessionCount: 0 });
  const files = ["", "-wal"].map((end) => place.database + end).filter((path) => existsSync(path));
  expect(files.filter((path) => readFileSync(path).includes(secret))).toEqual([]);
  expect(await findingsIn(place)).toEqual([]);
});

describe("a backup of a purged ledger", () => {
  test("is restored and verifies, and one from before the purge counts as older", async () => {
    const place = await recorded();
    const file = (name: string) => `${tempDir("backup")}/${name}`;
    const [before, after] = [file("before"), file("after")];
    await makeBackup(inSqlite(place), { target: before, withKey: true, nowUnixMs: startMs });
    await purgeIn(place);
    await makeBackup(inSqlite(place), { target: after, withKey: true, nowUnixMs: startMs });
    const options = { checkpoint: undefined, acceptOlder: false, ...restoring };
    const there = newPlace();
    await restoreBackup(inSqlite(there), { backup: after, ...options });
    const ledger = await openLedger(there);
    expect(await ledger.verify()).toMatchObject({ valid: true, purged: 27, findings: [] });
    await ledger.close();
    const moved: LedgerPlace = { database: `${tempDir("moved")}/ledger.db`, keys: there.keys };
    await restoreBackup(inSqlite(moved), { backup: before, ...options });
    expect(await findingsIn(moved)).toEqual([]);
    for (const end of ["", "-wal", "-shm"]) rmSync(place.database + end, { force: true });
    const older = restoreBackup(inSqlite(place), { backup: before, ...options });
    await expect(older).rejects.toMatchObject({ code: "ledger/conflict" });
  });
});

function asThirdVersion({ database }: LedgerPlace): void {
  const db = new Database(database);
  makeOlder(db, 3);
  db.close();
}

describe("a ledger of the third version", () => {
  test("is brought up to date, goes on, and can be purged", async () => {
    const place = await recorded();
    asThirdVersion(place);
    expect(await findingsIn(place)).toEqual([]);
    const ledger = await openLedger(place);
    await recordSession(ledger, 3);
    expect(await ledger.purge(wish)).toMatchObject({ sessionCount: 3 });
    expect(await ledger.verify()).toMatchObject({ valid: true, findings: [] });
    await ledger.close();
  });

  test("whose guard was taken away does not get it back", async () => {
    const place = await recorded();
    asThirdVersion(place);
    editHonestly(place.database, "DROP TRIGGER event_delete_guard");
    const message = '"event_delete_guard" is missing from the database';
    expect(await findingsIn(place)).toMatchObject([{ kind: "schema-changed", message }]);
  });

  test("is restored from a backup that was made then", async () => {
    const place = await recorded();
    asThirdVersion(place);
    const backup = `${tempDir("backup")}/old`;
    await makeBackup(inSqlite(place), { target: backup, withKey: true, nowUnixMs: startMs });
    const there = newPlace();
    const options = { checkpoint: undefined, acceptOlder: false, ...restoring };
    await restoreBackup(inSqlite(there), { backup, ...options });
    expect(await findingsIn(there)).toEqual([]);
  });
});
