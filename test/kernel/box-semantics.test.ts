// What a supervisor performs is done as the kernel does it: calls at random, with flags that make
// sense and flags that do not, bare and in boxes, have the same answers and leave the same files.
// The calls are test/fixtures/differ.c's. AEGIS_KERNEL_CALLS raises their number, AEGIS_KERNEL_SEED
// makes them others.

import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import type { Capability } from "../../src/model/capability.ts";
import { programs, runBox, type Setting, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { giveToPlainUser } from "../support/harness.ts";
import { forbid, like, permit, under } from "../support/ir.ts";

const calls = Number(process.env.AEGIS_KERNEL_CALLS ?? 1500);
const seed = Number(process.env.AEGIS_KERNEL_SEED ?? 1);
const rounds = 4;

/** Who performs what: everything where a pattern is forbidden, else what makes and moves names. */
const policies: readonly (readonly [string, (base: string) => Capability])[] = [
  ["every call", () => forbid("all", like("*/none*.pem"))],
  ["what makes names", (base) => forbid("change", under(`${base}/kept/.claude`))],
];

/** A folder for the calls, in one of its own. */
function makeGround(setting: Setting): string {
  const base = testFolder(setting);
  for (const name of ["top", "empty", "kept"]) mkdirSync(`${base}/${name}`);
  if (setting.isPlain) giveToPlainUser(base);
  return base;
}

for (const setting of settings()) {
  for (const [what, rule] of policies) {
    testWith(
      ["linux", "landlock", "seccomp"],
      `${setting.name}: who performs ${what} does as the kernel does`,
      async () => {
        for (let round = 0; round < rounds; round += 1) {
          const words = [programs().differ, String(seed + round), String(calls)];
          const bare = Bun.spawnSync(setting.through(withoutPrivileges(setting, words)), {
            cwd: `${makeGround(setting)}/top`,
            stdin: "ignore",
          }).stdout.toString();
          const base = makeGround(setting);
          const rules = [permit("all", under(base)), rule(base)];
          const options = { argv: words, directory: `${base}/top` };
          const { stdout, stderr } = await runBox(setting, rules, [], options);
          expect({ seed: seed + round, stderr, ...differs(bare, stdout) }).toEqual({
            ...{ seed: seed + round, stderr: "", calls: true },
            ...{ bare: undefined, boxed: undefined },
          });
        }
      },
    );
  }
}

/** Root in a box has no capabilities. */
function withoutPrivileges({ isPlain }: Setting, words: readonly string[]): readonly string[] {
  const dropping = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
  return isPlain ? words : [...dropping, ...words];
}

/** The first line that is another one. */
function differs(bare: string, boxed: string) {
  const [lines, others] = [bare.split("\n"), boxed.split("\n")];
  const at = lines.findIndex((line, index) => line !== others[index]);
  return { calls: lines.length > calls, bare: lines[at], boxed: at < 0 ? undefined : others[at] };
}
