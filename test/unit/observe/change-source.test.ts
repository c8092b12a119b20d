// Changes of real files as accesses: from events while they come, from the comparison what they
// missed.

import { expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { AegisError } from "../../../src/base/errors.ts";
import type { ObservedAccess } from "../../../src/observe/access.ts";
import { type ChangeSourceMachine, changeSource } from "../../../src/observe/change-source.ts";
import { snapshotLimits } from "../../../src/observe/snapshot.ts";
import { type EventFeed, eventFeed, eventFlag as flag } from "../../support/event-feed.ts";
import { waitFor } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

function machine(fsevents: EventFeed | undefined, entriesMax = 1_000): ChangeSourceMachine {
  return { fsevents, limits: { ...snapshotLimits, entriesMax }, clock: systemClock };
}

function recorder(root: string) {
  const told: string[] = [];
  const record = (accesses: readonly ObservedAccess[]) => {
    for (const { payload } of accesses) {
      told.push(`${payload.action} ${payload.path.slice(root.length)} ${payload.flags}`);
    }
  };
  return { told, record };
}

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof AegisError) return error.message;
    throw error;
  }
  return "it went well";
}

test("without events the comparison tells every change of several directories", async () => {
  const root = tempDir("changes");
  mkdirSync(join(root, "a"));
  mkdirSync(join(root, "b"));
  writeFileSync(join(root, "b/old"), "");
  const { told, record } = recorder(root);
  const roots = [join(root, "a"), join(root, "b"), join(root, "absent")];
  const source = await changeSource(machine(undefined)).open({ roots }, record);
  writeFileSync(join(root, "a/new"), "");
  rmSync(join(root, "b/old"));
  mkdirSync(join(root, "b/folder"));
  await source.close();
  expect(told).toEqual([
    "FileWrite /a/new snapshot created",
    "DirCreate /b/folder snapshot created",
    "FileDelete /b/old snapshot deleted",
  ]);
});

test("an event is told when it comes, and not again by the comparison", async () => {
  const root = tempDir("changes");
  const feed = eventFeed();
  const { told, record } = recorder(root);
  const source = await changeSource(machine(feed)).open({ roots: [root] }, record);
  writeFileSync(join(root, "seen"), "x");
  feed.deliver(join(root, "seen"), flag.created | flag.isFile);
  await waitFor("the event", () => told.length === 1);
  writeFileSync(join(root, "missed"), "x");
  await source.close();
  expect(told).toEqual(["FileWrite /seen fsevents created", "FileWrite /missed snapshot created"]);
  expect(feed.running).toBe(0);
});

test("a name that came and went is told by the events alone", async () => {
  const root = tempDir("changes");
  const feed = eventFeed();
  const { told, record } = recorder(root);
  const source = await changeSource(machine(feed)).open({ roots: [root] }, record);
  feed.deliver(join(root, "brief"), flag.created | flag.removed | flag.isFile);
  await source.close();
  expect(told).toEqual(["FileWrite /brief fsevents created", "FileDelete /brief fsevents deleted"]);
});

test("a tree too large to compare is observed by events", async () => {
  const root = tempDir("changes");
  for (const name of ["1", "2", "3"]) writeFileSync(join(root, name), "");
  const feed = eventFeed();
  const { told, record } = recorder(root);
  const source = await changeSource(machine(feed, 2)).open({ roots: [root] }, record);
  feed.deliver(join(root, "1"), flag.modified | flag.isFile);
  await source.close();
  expect(told).toEqual(["FileWrite /1 fsevents modified"]);
});

test("dropped events of a tree too large to compare are an error", async () => {
  const root = tempDir("changes");
  for (const name of ["1", "2", "3"]) writeFileSync(join(root, name), "");
  const feed = eventFeed();
  const { record } = recorder(root);
  const source = await changeSource(machine(feed, 2)).open({ roots: [root] }, record);
  feed.deliver(root, flag.mustScanSubDirs);
  expect(await failure(source.close())).toContain("Cannot record the changes below");
});

test("dropped events of a tree that can be compared are not", async () => {
  const root = tempDir("changes");
  const feed = eventFeed();
  const { told, record } = recorder(root);
  const source = await changeSource(machine(feed)).open({ roots: [root] }, record);
  feed.deliver(root, flag.mustScanSubDirs);
  writeFileSync(join(root, "a"), "");
  await source.close();
  expect(told).toEqual(["FileWrite /a snapshot created"]);
});

test("a tree too large to compare, without events, is not observed at all", async () => {
  const root = tempDir("changes");
  for (const name of ["1", "2", "3"]) writeFileSync(join(root, name), "");
  const opening = changeSource(machine(undefined, 2)).open({ roots: [root] }, () => undefined);
  expect(await failure(opening)).toContain("Cannot record the changes below");
});

test("a ledger that refuses is not forgotten", async () => {
  const root = tempDir("changes");
  const feed = eventFeed();
  const source = await changeSource(machine(feed)).open({ roots: [root] }, () => {
    throw new AegisError("ledger/unavailable", "the disk is full");
  });
  feed.deliver(join(root, "x"), flag.removed | flag.isFile);
  expect(await failure(source.close())).toBe("the disk is full");
});
