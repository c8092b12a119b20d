// A plan is kept for what the machine offers to the very launch: one made where no namespace can be
// had is not used where they can, nor the other way round, also where the two cannot be told apart
// without trying.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { programs, type Setting } from "../../support/box.ts";
import { asPlainUser, isRoot, type Outcome } from "../../support/harness.ts";
import { makeScene, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";
import { testMs } from "../../support/patience.ts";

setDefaultTimeout(testMs);
afterAll(removeScenes);

/** BPF_RET | BPF_K of SECCOMP_RET_ALLOW: a filter as of a sandbox that refuses nothing. */
const harmless = Buffer.from([0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]);

type Around = "nothing" | "a harmless filter" | "no namespaces";

function through(around: Around, argv: readonly string[]): readonly string[] {
  if (around === "no namespaces") return [programs().noUserns, ...argv];
  if (around === "nothing") return argv;
  const { folder, withFilter } = programs();
  const filter = `${folder}/harmless`;
  writeFileSync(filter, harmless, { mode: 0o644 });
  return [withFilter, filter, ...argv];
}

const users: readonly (readonly [string, boolean])[] = [
  ["plain user", true],
  ...(isRoot() ? ([["root", false]] as const) : []),
];

function launch(scene: Scene, around: Around): Promise<Outcome> {
  const setting: Setting = {
    ...scene.setting,
    through: (argv) => {
      const command = through(around, argv);
      return scene.setting.isPlain ? asPlainUser(command) : [...command];
    },
  };
  const script = "echo $TMPDIR; ls /proc | grep -c '^[0-9]'";
  return runIn({ ...scene, setting }, ["run", "--", "sh", "-c", script]);
}

function keptPlans({ home }: Scene): number {
  return readdirSync(`${home}/.aegis/cache/plans`).filter((name) => !name.startsWith(".")).length;
}

function expectWhole({ exitCode, stdout, stderr }: Outcome): void {
  expect([exitCode, stdout.startsWith("/tmp\n"), stderr.includes("weaker:")]).toEqual([
    0,
    true,
    false,
  ]);
}

function expectWeaker({ exitCode, stdout, stderr }: Outcome): void {
  expect([exitCode, stdout.startsWith("/tmp/aegis-"), stderr.includes("weaker: ipc")]).toEqual([
    0,
    true,
    true,
  ]);
}

for (const [name, isPlain] of users) {
  const setting: Setting = {
    name: isPlain ? "plain user" : "root",
    isPlain,
    through: (argv) => (isPlain ? asPlainUser(argv) : [...argv]),
  };
  describe(name, () => {
    for (const whole of ["nothing", "a harmless filter"] as const) {
      test(`a plan made without namespaces is not used with ${whole} around`, async () => {
        const scene = makeScene(setting);
        expectWeaker(await launch(scene, "no namespaces"));
        expectWeaker(await launch(scene, "no namespaces"));
        expect(keptPlans(scene)).toBe(1);
        expectWhole(await launch(scene, whole));
        expectWhole(await launch(scene, whole));
        expectWeaker(await launch(scene, "no namespaces"));
      });

      test(`a plan made with ${whole} around is not used where there are none`, async () => {
        const scene = makeScene(setting);
        expectWhole(await launch(scene, whole));
        expectWhole(await launch(scene, whole));
        expect(keptPlans(scene)).toBe(1);
        expectWeaker(await launch(scene, "no namespaces"));
        expectWeaker(await launch(scene, "no namespaces"));
        expectWhole(await launch(scene, whole));
      });
    }
  });
}
