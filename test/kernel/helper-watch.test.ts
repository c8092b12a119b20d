// A box that only watches: everything is recorded, nothing is taken from the command.

import { describe, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JudgeRule } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import { isRoot } from "../support/harness.ts";
import { audited, runShell, testProgram, told } from "../support/helper-box.ts";
import { tempDir } from "../support/temp.ts";

const everything: JudgeRule = {
  effect: "permit",
  actions: [
    "FileRead",
    "FileWrite",
    "FileDelete",
    "DirCreate",
    "DirList",
    "ProcessSpawn",
    "NetConnect",
    "NetBind",
  ],
  where: [],
};
const watching = audited({ rules: [everything] });

function status(output: string): Record<string, string | undefined> {
  return Object.fromEntries(
    output.split("\n").map((line) => line.split(":\t") as [string, string]),
  );
}

describe("a watched command", () => {
  testWith(["seccomp", "root"], "keeps the powers of root", async () => {
    const { output } = await runShell("cat /proc/self/status", watching);
    const own = status(Bun.spawnSync(["cat", "/proc/self/status"]).stdout.toString());
    for (const line of ["CapEff", "CapBnd", "NoNewPrivs"])
      expect([line, status(output)[line]]).toEqual([line, own[line]]);
    // With one thing forbidden it is confined, and has none.
    const forbid: JudgeRule = { ...everything, effect: "forbid", actions: ["NetBind"] };
    const confined = await runShell(
      "cat /proc/self/status",
      audited({ rules: [everything, forbid] }),
    );
    expect(status(confined.output).CapEff).toBe("0000000000000000");
    expect(status(confined.output).NoNewPrivs).toBe("1");
  });

  testWith(["seccomp", "plain user"], "gains nothing as a plain user", async () => {
    const { output } = await runShell("cat /proc/self/status", watching);
    expect(status(output).CapEff).toBe("0000000000000000");
    expect(status(output).NoNewPrivs).toBe("1");
  });

  testWith(["seccomp", "userns"], "may have mounts and a root of its own", async () => {
    const folder = tempDir("watched");
    mkdirSync(join(folder, "root"));
    writeFileSync(join(folder, "root/only-here"), "content");
    const inner = `mount -t tmpfs none ${folder}/root && mkdir ${folder}/root/made &&
      echo text >${folder}/root/made/file && cat ${folder}/root/made/file`;
    const script = `unshare -rm sh -c '${inner}'
      unshare -r python3 -c 'import os
os.chroot("${folder}/root"); os.chdir("/"); print(open("/only-here").read())'`;
    const { output } = await runShell(script, {
      ...watching,
      environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
    });
    expect(output).toBe("text\ncontent\n");
  });

  testWith(
    ["seccomp"],
    "may close itself to others, and is then recorded as unknown by all but root",
    async () => {
      const { output, rows } = await runShell(
        `${testProgram("act")} not-dumpable /etc/passwd`,
        watching,
      );
      expect(output).toBe("ok\n");
      expect(rows.at(-1)).toMatchObject({
        path: isRoot() ? "/etc/passwd" : "?",
        allowed: true,
      });
    },
  );

  testWith(["seccomp"], "fails as it would, without a row", async () => {
    const folder = tempDir("watched");
    const { output, rows } = await runShell("mkdir a; mkdir a; rm b; cat c; rmdir a", {
      ...watching,
      directory: folder,
    });
    expect(output.split("\n").length).toBe(4);
    expect(told(rows)).toEqual([`+ DirCreate ${folder}/a`, `+ FileDelete ${folder}/a`]);
  });
});
