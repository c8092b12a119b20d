// Which files are taken as secrets; whoever reads one adds what the secret is for.

import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { secretFileMaxBytes } from "../../../src/base/limits.ts";
import { readSecretFile, readSecretIfPresent } from "../../../src/config/secret-file.ts";
import { tempDir } from "../../support/temp.ts";

const folder = tempDir("secret");
const refused = (why: string): Error => new Error(`no: ${why}`);

function made(name: string, content: string | Uint8Array, mode = 0o600): string {
  const path = `${folder}/${name}`;
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe("a secret is read", () => {
  test("from a file of its owner's alone, as it is", () => {
    expect(readSecretFile(made("text", "é\n"), refused)).toBe("é\n");
    expect(readSecretFile(made("read-only", "x", 0o400), refused)).toBe("x");
    const bytes = new Uint8Array([0xff, 0, 0x0a]);
    expect(new Uint8Array(readSecretIfPresent(made("bytes", bytes), refused) ?? [])).toEqual(bytes);
  });

  test("by what stands behind a link, which is what is checked", () => {
    symlinkSync(made("behind", "x"), `${folder}/link`);
    expect(readSecretFile(`${folder}/link`, refused)).toBe("x");
    symlinkSync(made("open-behind", "x", 0o644), `${folder}/open-link`);
    expect(() => readSecretFile(`${folder}/open-link`, refused)).toThrow("no: others may");
  });

  test("nowhere, where nothing is", () => {
    expect(readSecretIfPresent(`${folder}/none`, refused)).toBeUndefined();
    expect(() => readSecretFile(`${folder}/none`, refused)).toThrow("no: it is not there");
  });
});

const bad: readonly (readonly [string, () => string, string])[] = [
  ["that its group may read", () => made("group", "x", 0o640), "others may read or write it"],
  ["that others may write", () => made("write", "x", 0o602), "others may read or write it"],
  [
    "that is too large",
    () => made("large", new Uint8Array(secretFileMaxBytes + 1)),
    "it is too large",
  ],
  [
    "that is a folder",
    () => {
      mkdirSync(`${folder}/folder`, { mode: 0o700 });
      return `${folder}/folder`;
    },
    "it is no file",
  ],
  [
    "that is a pipe nobody writes to",
    () => {
      Bun.spawnSync(["mkfifo", "-m", "600", `${folder}/pipe`]);
      return `${folder}/pipe`;
    },
    "it is no file",
  ],
  ["behind what is no folder", () => `${made("file", "x")}/secret`, "ENOTDIR"],
];
test.each(bad)("a file %s is refused", (_, make, why) => {
  const path = make();
  for (const read of [readSecretFile, readSecretIfPresent]) {
    expect(() => read(path, refused)).toThrow(`no: ${why}`);
  }
});
