// A kernel without Landlock, or without seccomp, played by an outer filter: nothing runs with less
// than was asked for, whatever was found out before, and each refusal says what is missing.

import { describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileFilter } from "../../../src/enforce/linux/filter/filter.ts";
import { type Arch, syscallTable } from "../../../src/enforce/linux/filter/syscall-table.ts";
import type { SetupReport } from "../../../src/wire/setup.ts";
import { programs } from "../../support/box.ts";
import { testWith } from "../../support/features.ts";
import { aegisBinary, cleanEnvironment, type Outcome } from "../../support/harness.ts";
import { programMs, testMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

const arch: Arch = process.arch === "arm64" ? "aarch64" : "x86_64";
const landlock = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"];
const notThere = 38;
const switchedOff = 95;

interface Kernel {
  readonly folder: string;
  aegis(...args: string[]): Promise<Outcome>;
  /** On the kernel as it is. */
  bare(...args: string[]): Promise<Outcome>;
}

function kernelWithout(calls: readonly string[], errno: number): Kernel {
  const { numbers } = syscallTable(arch);
  const missing = new Set(calls.map((name) => numbers.get(name)));
  const rules = new Map(
    [...numbers.values()].map((nr) => [nr, missing.has(nr) ? { errno } : "allow"] as const),
  );
  const filter = join(tempDir("filter"), "filter");
  writeFileSync(
    filter,
    compileFilter(arch, rules, { unknown: { errno: notThere }, hot: new Set() }),
  );
  const folder = tempDir("work");
  const home = tempDir("home");
  const start = async (argv: readonly string[]) => {
    const child = Bun.spawn([...argv], {
      cwd: folder,
      env: cleanEnvironment({ HOME: home }),
      stdio: ["ignore", "pipe", "pipe"],
      timeout: programMs,
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { stdout, stderr, exitCode: await child.exited };
  };
  return {
    folder,
    aegis: (...args) => start([programs().withFilter, filter, aegisBinary(), ...args]),
    bare: (...args) => start([aegisBinary(), ...args]),
  };
}

describe("on a kernel", () => {
  const rows: readonly [string, readonly string[], number, string][] = [
    ["without Landlock", landlock, notThere, "landlock_restrict failed with ENOSYS"],
    ["whose Landlock is off", landlock, switchedOff, "landlock_restrict failed with EOPNOTSUPP"],
    ["without seccomp", ["seccomp"], notThere, "seccomp_filter failed with ENOSYS"],
  ];
  for (const [name, calls, errno, why] of rows) {
    testWith(["landlock", "seccomp", "userns"], `${name} nothing runs`, async () => {
      const { folder, aegis, bare } = kernelWithout(calls, errno);
      // A plan that was made for more is kept by now.
      expect((await bare("run", "--quiet", "--", "touch", "before")).exitCode).toBe(0);
      for (const command of ["before", "proof"]) {
        const { exitCode, stdout, stderr } = await aegis("run", "--", "touch", command);
        expect([exitCode, stdout]).toEqual([125, ""]);
        expect(stderr).toStartWith("error: Cannot enforce the policy on this machine: ");
        expect(stderr).toContain(why);
        expect(stderr).toContain("\nhint: fix what is named, or run with --allow-weaker");
      }
      expect(existsSync(join(folder, "proof"))).toBe(false);
      const setup = await aegis("setup");
      expect([setup.exitCode, setup.stdout]).toEqual([1, expect.stringContaining(why)]);
      expect((await bare("audit", "verify")).exitCode).toBe(0);
    });
  }
  testWith(["landlock", "seccomp", "userns"], "what no box can be made for is absent", async () => {
    const { aegis, bare } = kernelWithout(["seccomp"], notThere);
    const read = async (start: Kernel["aegis"]) => {
      const { coverage, trial } = JSON.parse(
        (await start("setup", "--json")).stdout,
      ) as SetupReport;
      return { coverage: new Map(coverage.map((row) => [row.protection, row])), trial };
    };
    const [without, whole] = [await read(aegis), await read(bare)];
    expect(without.trial).toMatchObject({ passed: false });
    expect(whole.trial).toMatchObject({ passed: true });
    const held = [...whole.coverage.values()].filter(({ level }) => level === "enforced");
    expect(held.length).toBeGreaterThan(5);
    for (const { protection } of held) {
      expect(without.coverage.get(protection)).toMatchObject({ level: "absent", by: "" });
    }
    expect(without.coverage.get("system-calls")?.why).toBe(
      "seccomp would hold it, and no box can be made here",
    );
    const told = await aegis("setup");
    expect(told.stdout).not.toMatch(/ enforced /);
    expect(told.stdout).toContain("can make no box here, with --allow-weaker neither.\n");
  });
  testWith(["landlock", "seccomp", "userns"], "less is said where less was accepted", async () => {
    const { folder, aegis } = kernelWithout(landlock, notThere);
    const weaker = await aegis("run", "--allow-weaker", "--", "touch", "proof");
    expect(weaker.exitCode).toBe(0);
    expect(existsSync(join(folder, "proof"))).toBe(true);
    const told = weaker.stderr.split("\n").filter((line) => line.startsWith("aegis: weaker: "));
    expect(told.map((line) => line.split(": ")[2])).toContain("filesystem");
    // Each with its reason.
    expect(told.filter((line) => !/: \S.* failed with ENOSYS/.test(line))).toEqual([]);
  });
  test(
    "without seccomp a box is not made by accepting less, for it is no box",
    async () => {
      const { folder, aegis } = kernelWithout(["seccomp"], notThere);
      const { exitCode, stderr } = await aegis("run", "--allow-weaker", "--", "touch", "proof");
      expect([exitCode, existsSync(join(folder, "proof"))]).toEqual([125, false]);
      expect(stderr).toContain("error: Cannot install the system call filter\n");
      expect(stderr).toContain("hint: run where a seccomp filter may be installed");
    },
    testMs,
  );
});
