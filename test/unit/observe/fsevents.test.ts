// What the folded flags of a file system event mean, and the observer over a scripted feed of them.

import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { changeKinds, observeByFsEvents } from "../../../src/observe/fsevents.ts";
import { changeAccess, type FileChange, type Observer } from "../../../src/observe/observer.ts";
import { eventFeed, eventFlag as flag } from "../../support/event-feed.ts";
import { tempDir } from "../../support/temp.ts";

describe("flags of one name, and whether it exists now", () => {
  const rows: readonly (readonly [string, number, boolean, readonly FileChange["kind"][]])[] = [
    ["created", flag.created, true, ["created"]],
    ["created and written", flag.created | flag.modified, true, ["created"]],
    ["written", flag.modified, true, ["modified"]],
    ["mode or times", flag.inodeMeta, true, ["modified"]],
    ["owner", flag.owner, true, ["modified"]],
    ["extended attribute", flag.xattr, true, ["modified"]],
    ["removed", flag.removed, false, ["deleted"]],
    ["written and removed", flag.modified | flag.removed, false, ["deleted"]],
    ["created and removed", flag.created | flag.removed, false, ["created", "deleted"]],
    ["removed and made again", flag.created | flag.removed, true, ["deleted", "created"]],
    ["renamed to", flag.renamed, true, ["created"]],
    ["renamed away", flag.renamed, false, ["deleted"]],
    ["created, then renamed away", flag.created | flag.renamed, false, ["created", "deleted"]],
    ["replaced by a rename", flag.removed | flag.renamed, true, ["deleted", "created"]],
    ["nothing known", 0x400000, true, []],
    ["the type alone", flag.isFile, true, []],
  ];
  for (const [name, flags, existsNow, wanted] of rows) {
    test(name, () => expect(changeKinds(flags, existsNow)).toEqual([...wanted]));
  }
});

async function all(observer: Observer): Promise<FileChange[]> {
  const changes: FileChange[] = [];
  for await (const change of observer.events) changes.push(change);
  return changes;
}

describe("the observer", () => {
  test("tells changes below its directory and no others", async () => {
    const root = tempDir("fsevents");
    writeFileSync(join(root, "file"), "");
    mkdirSync(join(root, "folder"));
    const feed = eventFeed();
    const observer = observeByFsEvents(feed, root, systemClock);
    feed.deliver(join(root, "file"), flag.created | flag.isFile);
    feed.deliver(join(root, "folder"), flag.created | flag.isDirectory);
    feed.deliver(join(root, "gone"), flag.removed | flag.isFile);
    feed.deliver(root, flag.inodeMeta | flag.isDirectory);
    feed.deliver(`${root}-sibling/file`, flag.created | flag.isFile);
    const changes = all(observer);
    await observer.close();
    const told = (await changes).map(({ kind, isDirectory, path }) => [
      kind,
      isDirectory,
      path.slice(root.length),
    ]);
    expect(told).toEqual([
      ["created", false, "/file"],
      ["created", true, "/folder"],
      ["deleted", false, "/gone"],
    ]);
    expect([feed.running, observer.hasGap]).toEqual([0, false]);
  });

  test("knows when events were dropped", async () => {
    const root = tempDir("fsevents");
    const feed = eventFeed();
    const observer = observeByFsEvents(feed, root, systemClock);
    feed.deliver(root, flag.mustScanSubDirs);
    await observer.close();
    expect([await all(observer), observer.hasGap]).toEqual([[], true]);
  });
});

describe("a change is an access in the words of the ledger", () => {
  const rows = [
    ["created", false, "FileWrite"],
    ["created", true, "DirCreate"],
    ["modified", false, "FileWrite"],
    ["modified", true, "FileWrite"],
    ["deleted", false, "FileDelete"],
    ["deleted", true, "FileDelete"],
  ] as const;
  for (const [kind, isDirectory, action] of rows) {
    test(`${kind} ${isDirectory ? "folder" : "file"}`, () => {
      const change: FileChange = { kind, isDirectory, path: "/a", tsUnixMs: 7, source: "fsevents" };
      expect(changeAccess(change)).toEqual({
        tsUnixMs: 7,
        payload: {
          action,
          path: "/a",
          decision: "allow",
          rule: "",
          reason: "seen after it happened, by whichever process",
          pid: 0,
          exe: "",
          flags: `fsevents ${kind}`,
          count: 1,
        },
      });
    });
  }
});
