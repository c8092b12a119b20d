// Which accounts a peer file lets in, and which lines it must not have.

import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { peerWith, readPeers } from "../../../../src/app/serve/peers.ts";
import { resolvePath } from "../../../../src/base/paths.ts";
import { tempDir } from "../../../support/temp.ts";

function written(text: string, mode = 0o600) {
  const path = join(tempDir("peers"), "peers");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return resolvePath("/" as Parameters<typeof resolvePath>[0], path);
}

describe("a peer file", () => {
  const peers = readPeers(
    written("# who may\nuid:1001 approver acme ann\n\ngid:50 agent * bots\ngid:60 admin * ops\n"),
  );
  const account = { pid: 7, uid: 1002, gid: 1002, groups: [] };
  test.each([
    ["an account by its own line", { ...account, uid: 1001 }, "ann"],
    ["an account by its own line before its groups'", { ...account, uid: 1001, gid: 50 }, "ann"],
    ["an account by its group", { ...account, gid: 60 }, "ops"],
    ["an account by one of its other groups", { ...account, groups: [3, 60] }, "ops"],
    ["an account by the first line about its groups", { ...account, groups: [60, 50] }, "bots"],
    ["nobody else", account, undefined],
    ["no account with the number of a group", { ...account, uid: 50 }, undefined],
    ["no group with the number of an account", { ...account, gid: 1001 }, undefined],
  ])("recognises %s", (_, credentials, name) => {
    expect(peerWith(peers, credentials)?.name).toBe(name as string);
  });

  test.each([
    ["nobody", "# nobody\n", "it names nobody"],
    ["a name for a number", "uid:ann agent * a\n", "line 1 is not"],
    ["a number that is none", "uid:4294967295 agent * a\n", "line 1 is not"],
    ["a number in another spelling", "uid:01 agent * a\n", "line 1 is not"],
    ["an unknown role", "\nuid:1 root * a\n", "line 2 is not"],
    ["a line without a name", "uid:1 agent *\n", "line 1 is not"],
    ["a line with too much", "uid:1 agent * a b\n", "line 1 is not"],
    ["an account twice", "uid:1 agent * a\nuid:1 admin * b\n", "uid:1 is there twice"],
  ])("is refused with %s", (_, text, why) => {
    expect(() => readPeers(written(text))).toThrow(why);
  });

  test("is refused when others may change it, and taken when they may read it", () => {
    const line = "uid:1 agent * a\n";
    expect(() => readPeers(written(line, 0o620))).toThrow("others may change it");
    expect(readPeers(written(line, 0o644))).toHaveLength(1);
  });
});
