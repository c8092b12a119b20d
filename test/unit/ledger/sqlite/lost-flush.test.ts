// Writing a log anew after a flush that failed, and refusing to where the disk gave back less than
// was written to it: on real files, the loss made by hand.

import { expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { openSqliteStore } from "../../../../src/ledger/sqlite/store.ts";
import type { Store } from "../../../../src/ledger/store.ts";
import { tempDir } from "../../../support/temp.ts";

async function written(): Promise<{ readonly path: string; readonly store: Store }> {
  const path = `${tempDir("lost-flush")}/ledger.db`;
  const store = openSqliteStore(path);
  for (const key of ["1", "2", "3"]) {
    await store.putRecord({ kind: "k", key, json: "x".repeat(3000) }, undefined);
  }
  return { path, store };
}

/** As another process says that a flush of its failed. */
function mark(path: string): void {
  writeFileSync(`${path}-unflushed`, "");
}

/** The last page but that with the database's own header, without which nothing can be opened. */
function lose(path: string, log: Buffer): void {
  const frame = 24 + 4096;
  let at = log.length - frame;
  while (log.readUInt32BE(at) === 1) at -= frame;
  const fd = openSync(`${path}-wal`, "r+");
  writeSync(fd, new Uint8Array(frame), 0, frame, at);
  closeSync(fd);
}

const isMarked = (path: string) => existsSync(`${path}-unflushed`);

test("a log that is whole is the same afterwards, and nobody has to write it again", async () => {
  const { path, store } = await written();
  const before = readFileSync(`${path}-wal`);
  mark(path);
  const other = openSqliteStore(path);
  expect(isMarked(path)).toBe(false);
  expect(readFileSync(`${path}-wal`).equals(before)).toBe(true);
  for (const one of [store, other]) expect(await one.records("k", "", 10)).toHaveLength(3);
  await other.putRecord({ kind: "k", key: "4", json: "4" }, undefined);
  await other.close();
  await store.close();
  expect(existsSync(`${path}-wal`)).toBe(false);
});

test("one that is said to be lost where there is none, or nothing in it, is no problem", async () => {
  const { path, store } = await written();
  await store.close();
  mark(path);
  const again = openSqliteStore(path);
  expect(isMarked(path)).toBe(false);
  expect(await again.records("k", "", 10)).toHaveLength(3);
  await again.close();
  const fresh = `${tempDir("lost-flush")}/ledger.db`;
  mark(fresh);
  await openSqliteStore(fresh).close();
  expect(isMarked(fresh)).toBe(false);
});

test("one of which the disk lost a page is refused, and no page of it gets into the database", async () => {
  const { path, store } = await written();
  const database = readFileSync(path);
  const log = readFileSync(`${path}-wal`);
  lose(path, log);
  mark(path);
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(() => openSqliteStore(path)).toThrow(
      expect.objectContaining({
        code: "ledger/unavailable",
        message: expect.stringMatching(/of \d+ pages in its log \d were lost by the disk$/),
      }),
    );
    expect(isMarked(path)).toBe(true);
  }
  await store.close();
  Bun.gc(true);
  expect(readFileSync(path).equals(database)).toBe(true);
  expect(readFileSync(`${path}-wal`)).toHaveLength(log.length);
  // Nobody has it open any more: SQLite goes by what is whole, and so does whoever opens it.
  const again = openSqliteStore(path);
  expect((await again.records("k", "", 10)).map(({ key }) => key)).toEqual(["1", "2"]);
  expect(isMarked(path)).toBe(false);
  await again.close();
});
