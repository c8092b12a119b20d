// The write-ahead log of a server is folded when there is much to fold, and not because its file,
// which keeps its size, once was long.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { sharedWalSizeMaxBytes } from "../../../../src/base/limits.ts";
import { createControlLog } from "../../../../src/ledger/control/log.ts";
import { openSqliteStore } from "../../../../src/ledger/sqlite/store.ts";
import { tempDir } from "../../../support/temp.ts";

/** One that is older folds where it is asked how much there is to fold. */
const canTell = (() => {
  const db = new Database(":memory:");
  const sql = "SELECT sqlite_version() AS version";
  const [major = 0, minor = 0] = String(db.query<{ version: string }, []>(sql).get()?.version)
    .split(".")
    .map(Number);
  db.close();
  return major > 3 || (major === 3 && minor >= 51);
})();

test.skipIf(!canTell)(
  `a log that was long once is folded when it is long again${canTell ? "" : " (skipped: SQLite 3.51)"}`,
  async () => {
    const path = `${tempDir()}/ledger.db`;
    const store = openSqliteStore(path);
    const log = createControlLog(store);
    const other = new Database(path, { readwrite: true, create: false });
    const unfolded = (): number => {
      const sql = "PRAGMA wal_checkpoint(NOOP)";
      const row = other.query<{ log: number; checkpointed: number }, []>(sql).get();
      return (row?.log ?? 0) - (row?.checkpointed ?? 0);
    };
    const append = async (text: string): Promise<number> => {
      const place = { tenant: "acme", session: "s", user: "", type: "X", tsUnixMs: 1 };
      const [outcome] = await log.append([{ ...place, payload: text }]);
      expect(outcome?.kind).toBe("stored");
      return unfolded();
    };
    const large = "x".repeat(200_000);
    /** Until it is folded. */
    const pagesOf = async (text: string): Promise<number> => {
      let most = 0;
      for (let pages = await append(text); pages > most; pages = await append(text)) most = pages;
      return most;
    };
    const [first, again] = [await pagesOf(large), await pagesOf(large)];
    for (const pages of [first, again]) {
      expect(pages * 4096).toBeWithin(sharedWalSizeMaxBytes * 0.8, sharedWalSizeMaxBytes * 1.3);
    }
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(sharedWalSizeMaxBytes);
    const small: number[] = [];
    for (let at = 0; at < 100; at++) small.push(await append("y"));
    expect(small).toEqual(small.toSorted((a, b) => a - b));
    expect(small.at(-1)).toBeGreaterThan(100);
    other.close();
    await store.close();
  },
);
