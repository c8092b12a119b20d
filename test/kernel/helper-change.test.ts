// Calls that change what exists, performed by the helper on the object it judged: notify bit 8, and
// neither Landlock nor a mount beneath.

import { describe, expect } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JudgeRule } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import { allBut, audited, forbid, runShell, testProgram, told } from "../support/helper-box.ts";
import { tempDir } from "../support/temp.ts";

const change = testProgram("change");

function furnish(): string {
  const folder = tempDir("change");
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "file"), "content", { mode: 0o640 });
  symlinkSync("file", join(folder, "link"));
  return folder;
}

async function play(script: string, rules: readonly JudgeRule[] = allBut(), folder = furnish()) {
  const plan = { ...audited({ open: true, rules }), directory: folder };
  const { rows, output } = await runShell(script, plan);
  return { folder, output, rows: told(rows).map((row) => row.replaceAll(folder, "$")) };
}

function bare(script: string): string {
  return Bun.spawnSync(["/bin/sh", "-c", `{ ${script}; } 2>&1`], {
    cwd: furnish(),
  }).stdout.toString();
}

const ways =
  `truncate chmod fchmodat2 fchmod chown lchown fchown fchownat utimensat futimens utimes now setxattr
  lsetxattr fsetxattr setxattrat setxattrat-fd removexattr removexattrat`.split(/\s+/);

describe("what exists is changed as without a box", () => {
  for (const how of ways) {
    testWith(["seccomp"], how, async () => {
      const script = ["file", "link", "sub", "missing"]
        .map((name) => `${change} ${how} ${name}; ${change} state ${name}; ${change} state file`)
        .join("; ");
      expect((await play(script)).output).toBe(bare(script));
    });

    testWith(["seccomp"], `${how}, unless it is forbidden, under any name`, async () => {
      const folder = furnish();
      const rules = allBut(forbid(join(folder, "file"), "FileWrite"));
      const script = `${change} ${how} file; ${change} state file`;
      const { output, rows } = await play(script, rules, folder);
      expect(output).toStartWith("EACCES\n640 7 0.");
      expect(rows).toContain("- FileWrite $/file");
    });
  }
});
