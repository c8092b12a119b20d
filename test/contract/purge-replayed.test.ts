// Signed statements of purges that somebody without the key kept, in ledgers that have the sessions
// again: believed nowhere but in the tree they were signed for, and not behind a restored backup.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, rmSync } from "node:fs";
import { makeBackup } from "../../src/ledger/backup/backup.ts";
import { inSqlite } from "../../src/ledger/backup/in-sqlite.ts";
import { restoreBackup } from "../../src/ledger/backup/restore.ts";
import type { PurgeWish } from "../../src/ledger/contract.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { keyPath, type LedgerPlace, openLedger } from "../../src/ledger/open.ts";
import { purgedPayload, statementText } from "../../src/ledger/purge/statement.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import { createHeadList } from "../../src/ledger/tree/head-memory.ts";
import { keyFile } from "../../src/ledger/tree/signer.ts";
import type { JsonObject } from "../../src/model/event.ts";
import { recordSession, startMs } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { sayAgain, statementsIn } from "../support/said-again.ts";
import { tempDir } from "../support/temp.ts";

setDefaultTimeout(testMs);

/** All is recorded at `startMs`. */
const purgedMs = startMs + 20;
const restoredMs = startMs + 30;
const wish: PurgeWish = {
  ...{ beforeUnixMs: startMs + 10, tsUnixMs: purgedMs },
  ...{ by: "me", command: ["aegis"], directory: "/" },
};

async function record(place: LedgerPlace): Promise<void> {
  const ledger = await openLedger(place);
  await recordSession(ledger, 10);
  await ledger.close();
}

async function purgeIn(place: LedgerPlace, tsUnixMs = purgedMs): Promise<number> {
  const ledger = await openLedger(place);
  const { sessionCount } = await ledger.purge({ ...wish, tsUnixMs });
  await ledger.close();
  return sessionCount;
}

async function backUp(place: LedgerPlace): Promise<string> {
  const target = `${tempDir("backup")}/of.backup`;
  await makeBackup(inSqlite(place), { target, withKey: false, nowUnixMs: startMs });
  return target;
}

function remove({ database }: LedgerPlace): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(database + end, { force: true });
}

async function restore(place: LedgerPlace, backup: string, nowUnixMs = restoredMs): Promise<void> {
  remove(place);
  const how = { checkpoint: undefined, acceptOlder: true, withoutKey: false, nowUnixMs };
  await restoreBackup(inSqlite(place), { backup, ...how });
}

async function messagesIn(place: LedgerPlace): Promise<readonly string[]> {
  const ledger = await openLedger(place);
  const { findings } = await ledger.verify();
  await ledger.close();
  return findings.map(({ message }) => message.replaceAll(/"[0-9a-f-]{36}"/g, "S"));
}

/** By whoever has the key and knows nothing else: another machine, or one that was set up anew. */
async function messagesElsewhere(place: LedgerPlace): Promise<readonly string[]> {
  const store = openSqliteStore(place.database);
  const keys = keyFile(keyPath(place), store.origin);
  const ledger = createLedger({ store, keys, memory: createHeadList() });
  const { findings } = await ledger.verify();
  await ledger.close();
  return findings.map(({ message }) => message.replaceAll(/"[0-9a-f-]{36}"/g, "S"));
}

interface Kept {
  readonly place: LedgerPlace;
  /** From before the purge. */
  readonly backup: string;
  readonly statements: readonly JsonObject[];
  /** The whole database before and after it. */
  readonly before: string;
  readonly copy: string;
}

/** @param more sessions recorded between the backup and the purge */
async function purged(more = 0): Promise<Kept> {
  const home = tempDir("replayed");
  const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
  await record(place);
  const backup = await backUp(place);
  for (let n = 0; n < more; n++) await record(place);
  const before = `${home}/before.db`;
  copyFileSync(place.database, before);
  expect(await purgeIn(place)).toBe(1 + more);
  expect(await messagesIn(place)).toEqual([]);
  const copy = `${home}/copy.db`;
  copyFileSync(place.database, copy);
  return { place, backup, statements: statementsIn(copy).slice(0, 1), before, copy };
}

describe("a kept statement is not good again where a backup from before the purge was restored", () => {
  const behind = "signed before the ledger was restored with 14 events";
  const gone = "event 0 and 13 more of session S were taken out, and no signed purge says so";

  test("put back with the whole database that had it", async () => {
    const { place, backup, copy } = await purged();
    await restore(place, backup);
    remove(place);
    copyFileSync(copy, place.database);
    expect(await messagesIn(place)).toEqual([
      gone,
      `event 15 says that session S was purged, ${behind}`,
      "session S has no events, its row counts 14",
    ]);
  });

  test("said again right behind the backup, or behind what was recorded since", async () => {
    for (const since of [0, 1, 3]) {
      const { place, backup, statements } = await purged();
      await restore(place, backup);
      for (let n = 0; n < since; n++) await record(place);
      expect(await messagesIn(place)).toEqual([]);
      await sayAgain(place.database, statements);
      const messages = await messagesIn(place);
      expect(messages).toContain(gone);
      const why = since === 0 ? behind : "signed to be event 15";
      expect(messages.join("\n")).toContain(`says that session S was purged, ${why}`);
    }
  });

  test("of an older aegis, which did not sign for which tree it was", async () => {
    for (const since of [0, 1]) {
      const { place, backup, statements } = await purged();
      const older = await withoutTree(place, statements);
      await restore(place, backup);
      for (let n = 0; n < since; n++) await record(place);
      await sayAgain(place.database, older);
      const messages = await messagesIn(place);
      expect(messages).toContain(gone);
      expect(messages.join("\n")).toContain(`says that session S was purged, ${behind}`);
    }
  });

  test("where nobody remembers that it was restored, once something else was recorded", async () => {
    // The second time at the very place that the statement names.
    const other = "signed for another ledger than one that begins with these events";
    const cases = [
      { more: 0, since: 3, why: "signed to be event 15" },
      { more: 1, since: 1, why: other },
    ];
    for (const { more, since, why } of cases) {
      const { place, backup, statements } = await purged(more);
      await restore(place, backup);
      for (let n = 0; n < since; n++) await record(place);
      expect(await messagesElsewhere(place)).toEqual([]);
      await sayAgain(place.database, statements);
      const messages = await messagesElsewhere(place);
      expect(messages.join("\n")).toContain(`says that session S was purged, ${why}`);
    }
  });
});

/** The same statements as an older aegis would have signed them. */
async function withoutTree(
  place: LedgerPlace,
  statements: readonly JsonObject[],
): Promise<readonly JsonObject[]> {
  const store = openSqliteStore(place.database);
  const { origin } = store;
  await store.close();
  const signer = await keyFile(keyPath(place), origin).signer();
  return Promise.all(
    statements.map(async ({ signature: _, tree, place: at, ...statement }) => {
      expect([typeof tree, typeof at]).toEqual(["object", "number"]);
      return purgedPayload(statement, await signer.sign(statementText(origin, statement)));
    }),
  );
}

describe("a purge is believed", () => {
  test("that an older aegis recorded, which did not sign for which tree it was", async () => {
    const { place, statements, before } = await purged();
    const older = await withoutTree(place, statements);
    remove(place);
    copyFileSync(before, place.database);
    await sayAgain(place.database, older);
    expect(await messagesElsewhere(place)).toEqual([]);
  });

  test("of a ledger that was restored before it, whatever the clock says", async () => {
    for (const tsUnixMs of [restoredMs + 1, restoredMs, purgedMs]) {
      const { place, backup } = await purged();
      await restore(place, backup);
      expect(await purgeIn(place, tsUnixMs)).toBe(1);
      expect(await messagesIn(place)).toEqual([]);
      expect(await messagesElsewhere(place)).toEqual([]);
      await backUp(place);
    }
  });

  test("that a restored backup has, also where an older one was restored in between", async () => {
    const { place, backup } = await purged();
    await record(place);
    const newer = await backUp(place);
    await restore(place, backup);
    expect(await messagesIn(place)).toEqual([]);
    await restore(place, newer, restoredMs + 1);
    expect(await messagesIn(place)).toEqual([]);
    await record(place);
    expect(await messagesIn(place)).toEqual([]);
  });
});
