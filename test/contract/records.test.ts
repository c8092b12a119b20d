// Small records beside the events of a control log, over every store.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { ledgerKinds } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

describe.each(ledgerKinds)("a control log over %s", (_, open) => {
  const openLog = async () => ({ log: createControlLog((await open()).store) });

  test("keeps small records, and changes them only as expected", async () => {
    const { log } = await openLog();
    const record = { kind: "approval", key: "acme/1", json: '{"a":1}' };
    expect(await log.putRecord(record, undefined)).toBe(true);
    expect(await log.putRecord({ ...record, json: "2" }, undefined)).toBe(false);
    expect(await log.putRecord({ ...record, json: "2" }, record.json)).toBe(true);
    expect(await log.record("approval", "acme/1")).toEqual({ ...record, json: "2" });
    await log.putRecord({ ...record, key: "acme2/1" }, undefined);
    expect((await log.records("approval", "acme/", 10)).map(({ key }) => key)).toEqual(["acme/1"]);
  });

  test("lists small records page by page, and removes one only as it was read", async () => {
    const { log } = await openLog();
    const keys = ["a/1", "a/2", "a/3", "b/1"];
    for (const key of keys) await log.putRecord({ kind: "approval", key, json: "1" }, undefined);
    await log.putRecord({ kind: "approve", key: "a/9", json: "1" }, undefined);
    const listed = async (...where: [prefix: string, limit: number, after?: string]) =>
      (await log.records("approval", ...where)).map(({ key }) => key);
    expect(await listed("", 2)).toEqual(["a/1", "a/2"]);
    expect(await listed("", 9, "a/2")).toEqual(["a/3", "b/1"]);
    expect(await listed("a/", 9, "a/1")).toEqual(["a/2", "a/3"]);
    expect(await listed("a/", 9, "a/3")).toEqual([]);
    expect(await listed("", 1, "a/\u{10ffff}")).toEqual(["b/1"]);
    const read = { kind: "approval", key: "a/2", json: "1" };
    expect(await log.removeRecord({ ...read, json: "2" })).toBe(false);
    expect(await log.record("approval", "a/2")).toEqual(read);
    expect(await log.removeRecord(read)).toBe(true);
    expect(await log.record("approval", "a/2")).toBeUndefined();
    expect(await log.removeRecord(read)).toBe(false);
    expect(await listed("", 9)).toEqual(["a/1", "a/3", "b/1"]);
    expect(await log.putRecord({ ...read, json: "3" }, undefined)).toBe(true);
  });
});
