// What two looks at a real tree tell apart, and what they must not.

import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { diffSnapshots, snapshotLimits, takeSnapshot } from "../../../src/observe/snapshot.ts";
import { testWith } from "../../support/features.ts";
import { tempDir } from "../../support/temp.ts";

/** A file, a folder with a file, an empty folder, and links: to a file, to a folder, to nothing. */
function tree(): string {
  const root = tempDir("snapshot");
  writeFileSync(join(root, "file"), "text");
  mkdirSync(join(root, "folder"));
  writeFileSync(join(root, "folder/inner"), "text");
  mkdirSync(join(root, "empty"));
  symlinkSync("file", join(root, "link"));
  symlinkSync("folder", join(root, "folder-link"));
  symlinkSync("nowhere", join(root, "dangling"));
  return root;
}

function changesOf(act: (path: (name: string) => string) => void, root = tree()): string[] {
  const before = takeSnapshot(root, snapshotLimits);
  act((name) => join(root, name));
  const after = takeSnapshot(root, snapshotLimits);
  if (before === undefined || after === undefined) throw new Error("no snapshot");
  return diffSnapshots(before, after, 42).map(({ kind, isDirectory, path }) => {
    return `${kind} ${isDirectory ? "folder" : "file"} ${path.slice(root.length)}`;
  });
}

/** Puts the times back to what they were, as somebody would who wants a change to go unseen. */
const past = new Date("2020-01-01T00:00:00Z");

describe("a difference is told", () => {
  const rows: readonly (readonly [
    string,
    (path: (name: string) => string) => void,
    readonly string[],
  ])[] = [
    ["a new file", (path) => writeFileSync(path("new"), ""), ["created file /new"]],
    ["a new folder", (path) => mkdirSync(path("new")), ["created folder /new"]],
    [
      "a new tree",
      (path) => {
        mkdirSync(path("new/deep"), { recursive: true });
        writeFileSync(path("new/deep/file"), "");
      },
      ["created folder /new", "created folder /new/deep", "created file /new/deep/file"],
    ],
    ["a new link", (path) => symlinkSync("x", path("new")), ["created file /new"]],
    ["a second name", (path) => linkSync(path("file"), path("new")), ["created file /new"]],
    ["a file gone", (path) => rmSync(path("file")), ["deleted file /file"]],
    [
      "a folder gone",
      (path) => rmSync(path("empty"), { recursive: true }),
      ["deleted folder /empty"],
    ],
    ["a link gone", (path) => rmSync(path("dangling")), ["deleted file /dangling"]],
    ["a longer file", (path) => appendFileSync(path("file"), "x"), ["modified file /file"]],
    [
      "a file below a folder",
      (path) => appendFileSync(path("folder/inner"), "x"),
      ["modified file /folder/inner"],
    ],
    ["a mode", (path) => chmodSync(path("file"), 0o600), ["modified file /file"]],
    ["a folder's mode", (path) => chmodSync(path("empty"), 0o700), ["modified folder /empty"]],
    ["a time", (path) => utimesSync(path("file"), past, past), ["modified file /file"]],
    [
      "a rename",
      (path) => renameSync(path("file"), path("other")),
      ["deleted file /file", "created file /other"],
    ],
    [
      "a renamed folder",
      (path) => renameSync(path("folder"), path("other")),
      [
        "deleted folder /folder",
        "deleted file /folder/inner",
        "created folder /other",
        "created file /other/inner",
      ],
    ],
    [
      "a file that became a folder",
      (path) => {
        rmSync(path("file"));
        mkdirSync(path("file"));
      },
      ["deleted file /file", "created folder /file"],
    ],
    [
      "a link that leads elsewhere",
      (path) => {
        rmSync(path("link"));
        symlinkSync("folder/inner", path("link"));
      },
      ["modified file /link"],
    ],
  ];
  for (const [name, act, wanted] of rows) {
    test(name, () => expect(changesOf(act)).toEqual([...wanted]));
  }

  test("content of the same length under the same times", () => {
    const root = tree();
    utimesSync(join(root, "file"), past, past);
    const changed = changesOf((path) => {
      writeFileSync(path("file"), "TEXT");
      utimesSync(path("file"), past, past);
    }, root);
    expect(changed).toEqual(["modified file /file"]);
  });
});

describe("nothing is told of", () => {
  test("a tree left alone", () => expect(changesOf(() => undefined)).toEqual([]));
  test("what lies behind a link", () => {
    const outside = tempDir("outside");
    const root = tree();
    symlinkSync(outside, join(root, "out"));
    expect(changesOf(() => writeFileSync(join(outside, "new"), ""), root)).toEqual([]);
  });
  test("a file written and removed in between", () => {
    const changed = changesOf((path) => {
      writeFileSync(path("new"), "");
      rmSync(path("new"));
    });
    expect(changed).toEqual([]);
  });
});

describe("limits", () => {
  test("a larger tree gives no snapshot, one that fits does", () => {
    const root = tree();
    expect(takeSnapshot(root, { ...snapshotLimits, entriesMax: 6 })).toBeUndefined();
    expect(takeSnapshot(root, { ...snapshotLimits, entriesMax: 7 })?.size).toBe(7);
  });
  for (const [name, limits] of [
    ["a long file", { ...snapshotLimits, hashedFileMaxBytes: 3 }],
    ["a file beyond the total", { ...snapshotLimits, hashedTotalMaxBytes: 3 }],
  ] as const) {
    test(`${name} is compared by size and times alone`, () => {
      const root = tree();
      utimesSync(join(root, "file"), past, past);
      const before = takeSnapshot(root, limits);
      writeFileSync(join(root, "file"), "TEXT");
      utimesSync(join(root, "file"), past, past);
      const after = takeSnapshot(root, limits);
      if (before === undefined || after === undefined) throw new Error("no snapshot");
      expect(diffSnapshots(before, after, 0)).toEqual([]);
      appendFileSync(join(root, "file"), "x");
      const longer = takeSnapshot(root, limits);
      if (longer === undefined) throw new Error("no snapshot");
      expect(diffSnapshots(before, longer, 0)).toHaveLength(1);
    });
  }
  test("a pipe does not hold it up", () => {
    const root = tree();
    Bun.spawnSync(["mkfifo", join(root, "pipe")]);
    expect(takeSnapshot(root, snapshotLimits)?.size).toBe(8);
  });
  test("a directory that is gone is empty", () => {
    expect(takeSnapshot("/nowhere/at/all", snapshotLimits)?.size).toBe(0);
  });
  testWith(["plain user"], "a closed folder hides what is in it", () => {
    const root = tree();
    chmodSync(join(root, "folder"), 0);
    expect(takeSnapshot(root, snapshotLimits)?.has(join(root, "folder/inner"))).toBe(false);
  });
});
