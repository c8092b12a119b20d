// Files that commands make where a person asked for them, on a disk that fails and on one that does
// not.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeNewFile } from "../../../src/app/write-new-file.ts";
import { absPath } from "../../../src/base/paths.ts";
import { failingDisk } from "../../support/failing-disk.ts";
import { testWith } from "../../support/features.ts";
import { repoRoot } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

test("is its owner's alone, and never in place of another", () => {
  const path = absPath(join(tempDir("new-file"), "it"));
  if (path === undefined) throw new Error("no path");
  writeNewFile(path, "text");
  expect(readFileSync(path, "utf8")).toBe("text");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(() => writeNewFile(path, "other")).toThrow("it exists");
  expect(readFileSync(path, "utf8")).toBe("text");
});

testWith(
  ["tool gcc"],
  "is not there where the disk did not take it, and may be tried again",
  () => {
    const place = tempDir("new-file");
    const [path, flag] = [join(place, "it"), join(place, "failing")];
    writeFileSync(flag, "");
    const module = join(repoRoot, "src/app/write-new-file.ts");
    const code = `(await import("${module}")).writeNewFile("${path}", "text")`;
    const run = (env: Record<string, string>) =>
      Bun.spawnSync([process.execPath, "-e", code], { env, stdio: ["ignore", "ignore", "pipe"] });
    const failed = run({ LD_PRELOAD: failingDisk(), FAIL_WHILE: flag });
    expect(failed.exitCode).not.toBe(0);
    expect(failed.stderr.toString()).toContain("EIO");
    expect(existsSync(path)).toBe(false);
    expect(run({}).exitCode).toBe(0);
    expect(readFileSync(path, "utf8")).toBe("text");
  },
);
