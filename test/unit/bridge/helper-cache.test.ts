// The helper as a file, where memory files may not be executed: only in a directory of ours alone,
// and only the bytes that were compared.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { loadHelper } from "../../../src/bridge/helper.ts";
import { openCachedHelper } from "../../../src/bridge/helper-cache.ts";
import { isRoot } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

const bytes = readFileSync("/bin/true");
const other = readFileSync("/bin/false");

/** Opens the helper in `directory`, runs it, gives the status and the file. */
function open(directory: string): { status: number; content: Buffer } {
  const fd = openCachedHelper(directory, bytes);
  const { exitCode } = Bun.spawnSync([`/proc/self/fd/${fd}`]);
  const content = readFileSync(`/proc/self/fd/${fd}`);
  closeSync(fd);
  return { status: exitCode, content };
}

function fileIn(directory: string): string {
  return join(directory, readdirSync(directory)[0] ?? "");
}

test("is written once, private and executable, and used again", () => {
  const directory = join(tempDir("cache"), "new");
  expect(open(directory)).toEqual({ status: 0, content: bytes });
  const first = lstatSync(fileIn(directory));
  expect(first.mode & 0o777).toBe(0o700);
  expect(lstatSync(directory).mode & 0o777).toBe(0o700);
  expect(open(directory)).toEqual({ status: 0, content: bytes });
  expect(lstatSync(fileIn(directory)).ino).toBe(first.ino);
  expect(readdirSync(directory).length).toBe(1);
});

describe("is written anew when the file is not what it should be", () => {
  const spoil: [name: string, change: (file: string) => void][] = [
    ["other bytes", (file) => writeFileSync(file, other)],
    ["a byte less", (file) => writeFileSync(file, bytes.subarray(1))],
    ["nothing", (file) => writeFileSync(file, "")],
    ["writable by others", (file) => chmodSync(file, 0o777)],
    ["known under a second name", (file) => linkSync(file, `${file}.link`)],
  ];
  for (const [name, change] of spoil) {
    test(name, () => {
      const directory = join(tempDir("cache"), "new");
      open(directory);
      change(fileIn(directory));
      expect(open(directory)).toEqual({ status: 0, content: bytes });
    });
  }

  test("a link to another program", () => {
    const directory = join(tempDir("cache"), "new");
    open(directory);
    const file = fileIn(directory);
    const target = join(tempDir("target"), "program");
    writeFileSync(target, other, { mode: 0o700 });
    Bun.spawnSync(["rm", file]);
    symlinkSync(target, file);
    expect(open(directory)).toEqual({ status: 0, content: bytes });
    expect(readFileSync(target)).toEqual(other);
  });
});

describe("is refused, with the reason, where", () => {
  test("others may write to the directory", () => {
    const directory = join(tempDir("cache"), "open");
    mkdirSync(directory);
    chmodSync(directory, 0o770);
    expect(() => openCachedHelper(directory, bytes)).toThrow(/not a directory of this user alone/);
    expect(readdirSync(directory)).toEqual([]);
    chmodSync(directory, 0o700);
    expect(open(directory).status).toBe(0);
  });

  test("the directory is a link", () => {
    const real = tempDir("real");
    const link = join(tempDir("cache"), "link");
    symlinkSync(real, link);
    expect(() => openCachedHelper(link, bytes)).toThrow(/not a directory of this user alone/);
  });

  test("there is no place for it", () => {
    const file = join(tempDir("cache"), "file");
    writeFileSync(file, "");
    expect(() => openCachedHelper(join(file, "below"), bytes)).toThrow(/cannot hold it/);
  });

  test.if(!isRoot())("the directory cannot be written", () => {
    const directory = tempDir("cache");
    chmodSync(directory, 0o500);
    expect(() => openCachedHelper(directory, bytes)).toThrow(/cannot hold it/);
  });
});

test("nothing is cached where memory files may be executed", async () => {
  const directory = join(tempDir("cache"), "unused");
  const { path } = await loadHelper(directory);
  expect(path).toMatch(/^\/proc\/self\/fd\/\d+$/);
  expect(readFileSync(path).subarray(1, 4).toString()).toBe("ELF");
  expect(existsSync(directory)).toBe(false);
  // Sealed: not even its owner writes to it.
  expect(() => writeFileSync(path, "x")).toThrow();
});
