// The signing key's file on a disk that fails: nothing of a key that was not flushed stays.

import { expect } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { failingDisk } from "../../../support/failing-disk.ts";
import { testWith } from "../../../support/features.ts";
import { repoRoot } from "../../../support/harness.ts";
import { tempDir } from "../../../support/temp.ts";

testWith(["tool gcc"], "a key that the disk did not take leaves nothing behind", () => {
  const place = tempDir("key");
  const [keys, flag] = [join(place, "keys"), join(place, "failing")];
  mkdirSync(keys, { mode: 0o700 });
  writeFileSync(flag, "");
  const module = join(repoRoot, "src/ledger/tree/signer.ts");
  const code = `await (await import("${module}")).keyFile("${keys}/ledger.key", "test").signer()`;
  const run = (env: Record<string, string>) =>
    Bun.spawnSync([process.execPath, "-e", code], { env, stdio: ["ignore", "ignore", "pipe"] });
  const failed = run({ LD_PRELOAD: failingDisk(), FAIL_WHILE: flag });
  expect(failed.exitCode).not.toBe(0);
  expect(failed.stderr.toString()).toContain("EIO");
  expect(readdirSync(keys)).toEqual([]);
  expect(run({}).exitCode).toBe(0);
  expect(readdirSync(keys)).toEqual(["ledger.key"]);
});
