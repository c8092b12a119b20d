// Only somebody who is not root meets folders that cannot be entered.

import { expect } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { absPath } from "../../src/base/paths.ts";
import { findProgram } from "../../src/supervise/find-program.ts";
import { testWith } from "../support/features.ts";
import { tempDir } from "../support/temp.ts";

testWith(["plain user"], "a folder of PATH that cannot be entered is passed over", () => {
  const root = absPath(tempDir("path"));
  if (root === undefined) throw new Error("no folder");
  const closed = `${root}/closed`;
  for (const folder of [closed, `${root}/open`]) {
    mkdirSync(folder);
    writeFileSync(`${folder}/tool`, "", { mode: 0o755 });
  }
  chmodSync(closed, 0o000);
  const path = `${closed}:${root}/open`;
  expect(String(findProgram("tool", path, root))).toBe(`${root}/open/tool`);
});
