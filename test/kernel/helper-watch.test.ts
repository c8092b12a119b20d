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

  testWith(
    ["seccomp"],
    "leaves a row of what fails by itself only when that is asked for",
    async () => {
      const script = "cat /none/such /etc/hostname; exit 0";
      const asked = audited({ rules: [everything] });
      const notify = { ...asked.notify, recordAllowed: true, recordFailed: true };
      const brokers = { brokerCreate: false, brokerSocket: false, brokerOpen: false };
      const none = { ...brokers, brokerMessages: false, verifyPrograms: false };
      const rows = (await runShell(script, { ...asked, notify: { ...none, ...notify } })).rows;
      const failed = rows.filter(({ flags }) => flags >>> 31 === 1).map(({ path }) => path);
      expect(failed).toContain("/none/such");
      expect(failed).not.toContain("/etc/hostname");
      const silent = (await runShell(script, asked)).rows;
      expect(silent.some(({ path }) => path === "/none/such")).toBe(false);
      expect(silent.some(({ path }) => path === "/etc/hostname")).toBe(true);
    },
  );
});

describe("a rule for what fails by itself", () => {
  const permits = (effect: JudgeRule["effect"], path: string): JudgeRule => ({
    effect,
    actions: ["FileRead"],
    where: [{ kind: "path-in", path, negated: false }],
  });
  const others = { ...everything, actions: everything.actions.filter((a) => a !== "FileRead") };
  const loads = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/bin"].map((path) =>
    permits("permit", path),
  );
  const rules = [others, ...loads, permits("permit-failing", "/granted")];

  testWith(["seccomp"], "keeps a vain look from being a denial, and another's not", async () => {
    const { rows } = await runShell("cat /granted/none /other/none", audited({ rules }));
    const denied = rows.filter(({ allowed }) => !allowed).map(({ path }) => path);
    expect(denied).toContain("/other/none");
    expect(denied).not.toContain("/granted/none");
  });

  testWith(["seccomp"], "opens nothing that is there, and undoes no forbid", async () => {
    const failing = permits("permit-failing", "/etc/hostname");
    const closed = [
      others,
      ...loads,
      failing,
      permits("permit-failing", "/none"),
      permits("forbid", "/none"),
    ];
    const { rows, output } = await runShell(
      "cat /etc/hostname /none/x",
      audited({ rules: closed }),
    );
    const denied = rows.filter(({ allowed }) => !allowed).map(({ path }) => path);
    expect(denied).toContain("/etc/hostname");
    expect(denied).toContain("/none/x");
    expect(output).toContain("/etc/hostname: Permission denied");
  });
});
