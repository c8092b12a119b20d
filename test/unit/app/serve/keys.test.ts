// Which key files a server starts with.

import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readKeys } from "../../../../src/app/serve/keys.ts";
import { sha256Hex } from "../../../../src/base/hash.ts";
import { resolvePath } from "../../../../src/base/paths.ts";
import { tempDir } from "../../../support/temp.ts";

const root = "/" as Parameters<typeof resolvePath>[0];
const one = sha256Hex("one");
const other = sha256Hex("other");

function written(text: string, mode = 0o600) {
  const path = join(tempDir("keys"), "keys");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return resolvePath(root, path);
}

describe("a key file", () => {
  test("gives several keys what it says of each, one name to two of them too", () => {
    const keys = readKeys(written(`# who may\n${one} agent acme bot\n\n${other} admin * bot\n`));
    expect(keys.map(({ role, tenant, name }) => [role, tenant, name])).toEqual([
      ["agent", "acme", "bot"],
      ["admin", undefined, "bot"],
    ]);
  });

  test.each([
    ["nobody", "# nobody\n", "it names nobody"],
    ["a key itself", "one agent acme bot\n", "line 1 is not"],
    ["a hash in capitals", `${one.toUpperCase()} agent acme bot\n`, "line 1 is not"],
    ["a key twice", `${one} agent acme bot\n${one} admin * root\n`, 'of "root" is there twice'],
    ["a line twice", `${one} agent acme bot\n${one} agent acme bot\n`, "is there twice"],
  ])("is refused with %s", (_, text, why) => {
    expect(() => readKeys(written(text))).toThrow(why);
  });

  test("is refused when others may change it", () => {
    expect(() => readKeys(written(`${one} agent acme bot\n`, 0o620))).toThrow("may change it");
  });
});
