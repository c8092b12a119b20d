import { describe, expect, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { AbsPath } from "../../../src/base/paths.ts";
import {
  isDirectory,
  isFile,
  readIfPresent,
  readWithin,
  replaceFile,
} from "../../../src/config/files.ts";
import { tempDir } from "../../support/temp.ts";

function fileIn(directory: string, name: string): AbsPath {
  return join(directory, name) as AbsPath;
}

describe("replaceFile()", () => {
  test("makes or replaces the file, private, and leaves nothing else", () => {
    const directory = tempDir();
    const path = fileIn(directory, "state");
    for (const text of ["one\n", "two, longer\n", ""]) {
      replaceFile(path, text);
      expect(readFileSync(path, "utf8")).toBe(text);
    }
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["state"]);
  });

  test("replaces a link itself, never what it leads to", () => {
    const directory = tempDir();
    const target = fileIn(directory, "target");
    writeFileSync(target, "kept");
    symlinkSync(target, join(directory, "link"));
    replaceFile(fileIn(directory, "link"), "new");
    expect(readFileSync(target, "utf8")).toBe("kept");
    expect(readFileSync(join(directory, "link"), "utf8")).toBe("new");
  });

  test("keeps the old text when the new one cannot be put in place", () => {
    const directory = tempDir();
    const path = fileIn(directory, "state");
    mkdirSync(path);
    expect(() => replaceFile(path, "text")).toThrow();
    expect(isDirectory(path)).toBe(true);
    expect(readdirSync(directory)).toEqual(["state"]);
  });
});

describe("readIfPresent()", () => {
  test("gives nothing for what is not there, also below a file", () => {
    const directory = tempDir();
    writeFileSync(join(directory, "file"), "text");
    expect(readIfPresent(join(directory, "file"))).toBe("text");
    expect(readIfPresent(join(directory, "none"))).toBeUndefined();
    expect(readIfPresent(join(directory, "file/below"))).toBeUndefined();
    expect([isFile(join(directory, "file/below")), isFile(directory)]).toEqual([false, false]);
    expect(isFile(join(directory, "file"))).toBe(true);
  });
  test("gives UTF-8 as it is, and refuses what is none", () => {
    const path = fileIn(tempDir(), "text");
    for (const text of ["\u00e9", "\ufeffmarked", "\ufffd", ""]) {
      writeFileSync(path, text);
      expect(readIfPresent(path)).toBe(text);
    }
    // A text with other names in it than were written: what it forbids would stay open.
    for (const bytes of [[0xe9], [0x61, 0xff, 0x62], [0xe2, 0x82], [0xed, 0xa0, 0x80]]) {
      writeFileSync(path, Uint8Array.from(bytes));
      expect(() => readIfPresent(path)).toThrow(`Cannot read "${path}": it is not UTF-8`);
    }
  });
});

describe("readWithin()", () => {
  test.each([0, 1, 65_535, 65_536, 65_537, 200_000])("reads %d bytes, and not one more", (size) => {
    const path = fileIn(tempDir(), "text");
    const text = "é".repeat(Math.floor(size / 2)) + "e".repeat(size % 2);
    writeFileSync(path, text);
    expect(readWithin(path, size)).toBe(text);
    writeFileSync(path, `${text}+`);
    expect(() => readWithin(path, size)).toThrow(`it has more than ${size} bytes`);
  });
  test("says what is not there and what is a folder", () => {
    const directory = tempDir();
    expect(readWithin(join(directory, "none"), 10)).toBeUndefined();
    expect(() => readWithin(directory, 10)).toThrow("it is a folder");
    expect(() => readWithin("/dev/zero", 10)).toThrow("more than 10 bytes");
  });
});
