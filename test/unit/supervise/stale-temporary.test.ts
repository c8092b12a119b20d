// Which folders for temporary files are removed, and that nothing else is.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { temporaryKeptDays, temporaryNamesAtOnce } from "../../../src/base/limits.ts";
import { absPath } from "../../../src/base/paths.ts";
import { lockFile, shareFile } from "../../../src/bridge/file-lock.ts";
import { countTemporary, holdFolder, removeStale } from "../../../src/supervise/stale-temporary.ts";
import { testWith } from "../../support/features.ts";
import { tempDir } from "../../support/temp.ts";

const needs = ["linux"] as const;
const dayMs = 24 * 60 * 60 * 1000;
const now = Date.now();
const path = (text: string) => absPath(text) ?? expect.unreachable();

/** A folder of a workspace that was last used so many days ago, with a file in it. */
function folderIn(base: string, digit: string, days: number): string {
  const folder = join(base, digit.repeat(16));
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, "file"), "text");
  writeFileSync(`${folder}.lock`, "");
  age(`${folder}.lock`, days);
  return folder;
}

function age(file: string, days: number): void {
  const then = (now - days * dayMs) / 1000;
  utimesSync(file, then, then);
}

describe("a folder", () => {
  testWith(needs, "that was not used for long goes, with its lock, and others stay", () => {
    const base = tempDir("stale");
    folderIn(base, "a", temporaryKeptDays + 1);
    const kept = folderIn(base, "b", temporaryKeptDays - 1);
    mkdirSync(join(base, "of-others"));
    expect(countTemporary(path(base))).toBe(2);
    removeStale(path(base), now);
    const left = readdirSync(base).sort();
    expect(left).toEqual(["b".repeat(16), `${"b".repeat(16)}.lock`, "looked", "of-others"]);
    expect(existsSync(join(kept, "file"))).toBe(true);
    expect(countTemporary(path(base))).toBe(1);
  });

  testWith(needs, "from before there were locks goes by its own age", () => {
    const base = tempDir("stale");
    for (const [name, days] of [
      ["a", temporaryKeptDays + 1],
      ["b", 0],
    ] as const) {
      mkdirSync(join(base, name.repeat(16)));
      age(join(base, name.repeat(16)), days);
    }
    removeStale(path(base), now);
    expect(readdirSync(base).sort()).toEqual(["b".repeat(16), "looked"]);
  });

  testWith(needs, "in use stays however old it is, and goes afterwards", () => {
    const base = tempDir("stale");
    const folder = folderIn(base, "a", temporaryKeptDays + 1);
    const user = openSync(`${folder}.lock`, "r");
    expect(shareFile(user)).toBe(true);
    removeStale(path(base), now);
    expect(existsSync(join(folder, "file"))).toBe(true);
    closeSync(user);
    removeStale(path(base), now + 2 * dayMs);
    expect(existsSync(folder)).toBe(false);
  });

  testWith(needs, "that is held counts as used today, and cannot be taken away", () => {
    const base = tempDir("stale");
    const folder = folderIn(base, "a", temporaryKeptDays + 1);
    holdFolder(path(folder), now);
    const other = openSync(`${folder}.lock`, "r");
    expect(lockFile(other)).toBe(false);
    expect(shareFile(other)).toBe(true);
    closeSync(other);
    removeStale(path(base), now);
    expect(existsSync(join(folder, "file"))).toBe(true);
  });

  testWith(needs, "is looked for once a day", () => {
    const base = tempDir("stale");
    removeStale(path(base), now);
    const folder = folderIn(base, "a", temporaryKeptDays + 1);
    removeStale(path(base), now + dayMs / 2);
    expect(existsSync(folder)).toBe(true);
    removeStale(path(base), now + dayMs + 1);
    expect(existsSync(folder)).toBe(false);
  });
});

describe("what a box left", () => {
  testWith(needs, "is removed whatever it is, and nothing it points to", () => {
    const base = tempDir("stale");
    const outside = tempDir("outside");
    writeFileSync(join(outside, "file"), "outside");
    const folder = folderIn(base, "a", temporaryKeptDays + 1);
    symlinkSync(outside, join(folder, "link"));
    mkdirSync(join(folder, "closed"));
    symlinkSync(outside, join(folder, "closed", "link"));
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/closed/`), Buffer.from([0xff])]), "");
    chmodSync(join(folder, "closed"), 0);
    symlinkSync(outside, join(base, "gone-link"));
    symlinkSync(outside, join(base, "c".repeat(16)));
    symlinkSync(join(outside, "file"), join(base, "looked"));
    utimesSync(join(outside, "file"), 0, 0);
    removeStale(path(base), now + 2 * dayMs);
    expect(readdirSync(base).sort()).toEqual(["c".repeat(16), "looked"]);
    expect(readdirSync(outside)).toEqual(["file"]);
    expect(readFileSync(join(outside, "file"), "utf8")).toBe("outside");
  });

  testWith(needs, "is removed however deep it is, and bit by bit when it is much", () => {
    const base = tempDir("stale");
    const folder = folderIn(base, "a", temporaryKeptDays + 1);
    let deep = folder;
    for (let depth = 0; depth < 300; depth++) deep += "/d";
    mkdirSync(deep, { recursive: true });
    for (let name = 0; name < temporaryNamesAtOnce; name++) writeFileSync(`${folder}/${name}`, "");
    removeStale(path(base), now);
    expect(readdirSync(base)).not.toContain("looked");
    for (let turn = 0; turn < 3; turn++) removeStale(path(base), now);
    expect(readdirSync(base)).toEqual(["looked"]);
  });

  testWith(needs, "is not looked for behind a link, nor where others may write", () => {
    const base = tempDir("stale");
    const folder = folderIn(base, "a", temporaryKeptDays + 1);
    const link = join(tempDir("link"), "link");
    symlinkSync(base, link);
    expect(() => removeStale(path(link), now)).toThrow();
    chmodSync(base, 0o770);
    removeStale(path(base), now);
    expect(existsSync(folder)).toBe(true);
    chmodSync(base, 0o700);
    removeStale(path(base), now);
    expect(existsSync(folder)).toBe(false);
  });

  testWith(needs, "goes launch by launch when it is one folder of more names", () => {
    const base = tempDir("stale");
    const folder = folderIn(base, "a", temporaryKeptDays + 1);
    for (let name = 0; name < 2 * temporaryNamesAtOnce; name++) {
      writeFileSync(`${folder}/${name}`, "");
    }
    for (let turn = 0; turn < 2; turn++) {
      removeStale(path(base), now);
      expect(readdirSync(base)).not.toContain("looked");
    }
    removeStale(path(base), now);
    expect(readdirSync(base)).toEqual(["looked"]);
  });
});

test("where there is no folder there is none to count", () => {
  expect(countTemporary(path("/nowhere/at/all"))).toBe(0);
});
