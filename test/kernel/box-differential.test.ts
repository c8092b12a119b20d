// decide() against the kernel: random policies over a small tree, every kind of access on every
// path of it, in real boxes with the supervisor's ears closed, so that Landlock and the mounts
// decide. The kernel must never allow what decide() denies; what it denies beyond decide() must lie
// under a cover the plan says it has. AEGIS_KERNEL_CASES raises the number of accesses.

import { expect } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { contains, resolvePath } from "../../src/base/paths.ts";
import { realDisk } from "../../src/enforce/linux/disk.ts";
import { planLinux } from "../../src/enforce/linux/plan.ts";
import type { Capability, PathAction } from "../../src/model/capability.ts";
import { prepareDecider } from "../../src/policy/decide.ts";
import { fixtureRules, probe, runBox, type Setting, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { giveToPlainUser } from "../support/harness.ts";
import { at, exactly, forbid, like, not, permit, request, under } from "../support/ir.ts";
import { pick, type Random, randomFrom } from "../support/random-capabilities.ts";
import { removeTree } from "../support/temp.ts";

const accessesWanted = Number(process.env.AEGIS_KERNEL_CASES ?? 2_000);
const seed = 0xb0c5;

const folders = ["a", "a/b", "a/b/c", "a/d", "e", "e/f", "g"];
const files = ["a/1", "a/b/2", "a/b/c/3", "a/d/4", "e/5", "e/f/6", "g/7", "8"];
const absent = ["a/none", "e/none/deep"];

function makeTree(setting: Setting): string {
  const base = `${testFolder(setting)}/tree`;
  for (const folder of folders) mkdirSync(`${base}/${folder}`, { recursive: true });
  for (const file of files) {
    writeFileSync(`${base}/${file}`, "content");
    chmodSync(`${base}/${file}`, 0o755);
  }
  if (setting.isPlain) giveToPlainUser(base);
  return base;
}

const actionSets = [
  "read",
  "change",
  "all",
  "FileRead",
  "FileRead FileWrite",
  "FileWrite",
  "FileWrite FileDelete DirCreate",
  "FileDelete",
  "DirList",
  "ProcessSpawn",
  "FileRead ProcessSpawn",
];

function randomRule(random: Random, base: string, effect: typeof permit): Capability {
  const path = () => {
    const place = pick(random, [...folders, ...folders, ...files, ...absent, ""]);
    return resolvePath(at(base), place);
  };
  const shape = pick(random, [under, under, under, exactly, (name: string) => like(`${name}/*`)]);
  const where = [shape(path())];
  if (random(6) === 0) where.push(not(under(path())));
  return effect(pick(random, actionSets), ...where);
}

interface Access {
  readonly attempt: string;
  readonly action: PathAction;
  readonly path: string;
}

/** Each name made is used once, so that no access depends on another but the removal of its own. */
function accessesOn(base: string): Access[] {
  const inFolder = ["", ...folders].flatMap((folder): Access[] => {
    const path = resolvePath(at(base), folder);
    const made = `${path}/made-file`;
    return [
      { attempt: `list ${path}`, action: "DirList", path },
      { attempt: `create ${made}`, action: "FileWrite", path: made },
      { attempt: `unlink ${made}`, action: "FileDelete", path: made },
      { attempt: `mkdir ${path}/made-folder`, action: "DirCreate", path: `${path}/made-folder` },
    ];
  });
  const onFile = files.flatMap((file): Access[] => {
    const path = `${base}/${file}`;
    return [
      { attempt: `read ${path}`, action: "FileRead", path },
      { attempt: `append ${path}`, action: "FileWrite", path },
      { attempt: `exec ${path}`, action: "ProcessSpawn", path },
    ];
  });
  const onAbsent = absent.map((name): Access => {
    const path = `${base}/${name}`;
    return { attempt: `create ${path}`, action: "FileWrite", path };
  });
  return [...inFolder, ...onFile, ...onAbsent];
}

/** What the kernel said: allowed, refused, or nothing, because an earlier step was refused. */
function outcomeOf(answer: string): "allow" | "deny" | undefined {
  if (answer === "ok" || answer === "ENOEXEC") return "allow";
  return /^(EACCES|EROFS|EPERM|EBUSY)$/.test(answer) ? "deny" : undefined;
}

for (const setting of settings()) {
  testWith(
    ["linux", "landlock", "seccomp"],
    `${setting.name}: the kernel agrees with decide() on ${accessesWanted} random accesses`,
    async () => {
      const random = randomFrom(seed + settings().findIndex(({ name }) => name === setting.name));
      const host = probe(setting);
      const count = { policies: 0, refused: 0, accesses: 0, stricter: 0 };
      while (count.accesses < accessesWanted) {
        const base = makeTree(setting);
        using _ = { [Symbol.dispose]: () => removeTree(base) };
        const rules = [
          ...Array.from({ length: 1 + random(4) }, () => randomRule(random, base, permit)),
          ...Array.from({ length: random(3) }, () => randomRule(random, base, forbid)),
        ];
        const asked = { workspace: base, audit: "off" } as const;
        const planned = planLinux(request([...fixtureRules(), ...rules], asked), host, realDisk());
        const isWhole =
          planned.ok &&
          planned.value.coverage.every(({ level }, index) => index > 3 || level !== "weaker");
        count.policies += 1;
        if (!isWhole) {
          count.refused += 1;
          continue;
        }
        const accesses = accessesOn(base);
        const result = await runBox(
          setting,
          rules,
          accesses.map(({ attempt }) => attempt),
          asked,
        );
        const wrong = compare(rules, accesses, result.answers, planned.value.plan.mounts, count);
        expect({ rules: rules.map(({ origin }) => origin.rule), wrong }).toEqual({
          rules: rules.map(({ origin }) => origin.rule),
          wrong: [],
        });
      }
      console.log(
        `${setting.name}: ${count.accesses} accesses, 0 disagreements, ${count.stricter} denied by a cover or for want of a path; ` +
          `${count.policies} policies, ${count.refused} refused; seed ${seed}`,
      );
    },
    600_000,
  );
}

function compare(
  rules: readonly Capability[],
  accesses: readonly Access[],
  answers: readonly string[],
  mounts: readonly { readonly kind: string }[],
  count: { accesses: number; stricter: number },
): unknown[] {
  const decider = prepareDecider({ version: 1, capabilities: rules });
  return accesses.flatMap(({ attempt, action, path }, index) => {
    const kernel = outcomeOf(answers[index] ?? "");
    if (kernel === undefined) return [];
    count.accesses += 1;
    const resource = { path, host: undefined, port: undefined };
    const decide = (asked: PathAction) =>
      decider.decide({ action: asked, agent: "agent", resource }).outcome;
    // The kernel opens a program for reading before it executes it.
    const outcome =
      action === "ProcessSpawn" && decide("FileRead") === "deny" ? "deny" : decide(action);
    if (outcome === kernel) return [];
    const isCovered = mounts.some(
      (step) =>
        "path" in step && /mask|read-only/.test(step.kind) && contains(String(step.path), path),
    );
    // A permit on what does not exist grants nothing: there is nothing to tie it to.
    const wasAbsent = absent.some((name) => path.endsWith(`/tree/${name}`));
    if (kernel === "deny" && (isCovered || wasAbsent)) {
      count.stricter += 1;
      return [];
    }
    return [{ attempt, kernel, decide: outcome, answer: answers[index] }];
  });
}
