// Which frames of a log are whole, on logs that SQLite itself wrote.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  createLogCheck,
  frameSizeOf,
  logHeaderSize,
} from "../../../../src/ledger/sqlite/log-frames.ts";
import { tempDir } from "../../../support/temp.ts";

/** Three transactions of a few frames each, and how many SQLite counts. */
function writtenLog(pageSize = 4096) {
  const path = `${tempDir("frames")}/some.db`;
  const db = new Database(path);
  db.run(`PRAGMA page_size = ${pageSize}; PRAGMA journal_mode = WAL`);
  db.run("PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(a)");
  for (let n = 0; n < 3; n++) db.run("INSERT INTO t VALUES (randomblob(9000))");
  const counted = db.query<{ log: number }, []>("PRAGMA wal_checkpoint(NOOP)").get()?.log ?? 0;
  const log = new Uint8Array(readFileSync(`${path}-wal`));
  db.close();
  return { log, counted };
}

function wholeIn(log: Uint8Array): number | undefined {
  return createLogCheck(log.subarray(0, logHeaderSize))?.(log.subarray(logHeaderSize));
}

test.each([512, 4096, 65_536])("all of a log with pages of %d bytes, as SQLite counts", (size) => {
  const { log, counted } = writtenLog(size);
  expect(counted).toBeGreaterThan(3);
  expect(wholeIn(log)).toBe(counted);
});

test("as many when they come in parts", () => {
  const { log, counted } = writtenLog();
  const check = createLogCheck(log.subarray(0, logHeaderSize));
  const size = frameSizeOf(log);
  let sum = 0;
  for (let at = logHeaderSize; at < log.length; at += 2 * size) {
    sum += check?.(log.subarray(at, at + 2 * size)) ?? 0;
  }
  expect(sum).toBe(counted);
});

test("those before a byte that is another one, wherever in a frame", () => {
  const { log } = writtenLog();
  const size = frameSizeOf(log);
  for (const within of [0, 4, 8, 12, 16, 20, 24, 2000, size - 1]) {
    const other = log.slice();
    const at = logHeaderSize + 3 * size + within;
    other[at] = (other[at] ?? 0) ^ 1;
    expect(wholeIn(other)).toBe(3);
  }
});

test("none without a header that is whole, and no part of one", () => {
  const { log } = writtenLog();
  for (const at of [0, 9, 16, 24]) {
    const other = log.slice();
    other[at] = (other[at] ?? 0) ^ 1;
    expect(wholeIn(other)).toBeUndefined();
  }
  expect(wholeIn(log.subarray(0, 31))).toBeUndefined();
  expect(wholeIn(new Uint8Array())).toBeUndefined();
  expect(wholeIn(log.subarray(0, logHeaderSize + 2 * frameSizeOf(log) + 100))).toBe(2);
});
