// Flushes of a ledger's log on a real file: who shares one, and that a failure stays one.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createLogSync } from "../../../../src/ledger/sqlite/sync.ts";
import { tempDir } from "../../../support/temp.ts";

test("those who ask while a flush is under way share the next one, which comes after it", async () => {
  const path = `${tempDir("log-sync")}/ledger.db`;
  writeFileSync(`${path}-wal`, "frames");
  const sync = createLogSync(path);
  const order: string[] = [];
  const first = sync.done();
  expect(sync.done()).toBe(first);
  // Begun by now.
  await Promise.resolve();
  await Promise.resolve();
  const second = sync.done();
  expect(second).not.toBe(first);
  expect(sync.done()).toBe(second);
  await Promise.all([
    second.then(() => order.push("second")),
    first.then(() => order.push("first")),
  ]);
  expect(order).toEqual(["first", "second"]);
  await sync.done();
  sync.close();
});

test("after a flush that failed all others fail, whatever became of the file", async () => {
  const path = `${tempDir("log-sync")}/ledger.db`;
  const sync = createLogSync(path);
  const first = sync.done();
  const shared = first.catch(() => "failed");
  await expect(first).rejects.toThrow("ENOENT");
  writeFileSync(`${path}-wal`, "frames");
  await expect(sync.done()).rejects.toThrow("ENOENT");
  expect(await shared).toBe("failed");
});
