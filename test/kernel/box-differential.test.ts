// decide() against the kernel: random policies over a small tree, every kind of access on every
// path of it, in real boxes. Where Landlock and mounts hold a policy the broker's ears are mostly
// closed, so that they decide; where they do not, the broker does. The box must never allow what
// decide() denies; what it denies beyond decide() must be one of the cases named here.
// AEGIS_KERNEL_CASES raises the number of accesses in each setting.

import { expect } from "bun:test";
import { contains } from "../../src/base/paths.ts";
import type { BoxPlan } from "../../src/bridge/encode-plan.ts";
import { gapsOf } from "../../src/enforce/coverage.ts";
import { realDisk } from "../../src/enforce/linux/paths/disk.ts";
import { planLinux } from "../../src/enforce/linux/plan.ts";
import type { Capability, PathAction } from "../../src/model/capability.ts";
import { prepareDecider } from "../../src/policy/decide.ts";
import { fixtureRules, probe, runBox, type Setting, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { giveToPlainUser } from "../support/harness.ts";
import { request } from "../support/ir.ts";
import { type Access, accessesOn, makeTree, randomPolicy } from "../support/kernel-cases.ts";
import { randomFrom } from "../support/random-capabilities.ts";
import { removeTree } from "../support/temp.ts";

const accessesWanted = Number(process.env.AEGIS_KERNEL_CASES ?? 20_000);
const seed = Number(process.env.AEGIS_KERNEL_SEED ?? 0xb0c5);

/** What was asked of the boxes, and how often they were stricter than decide(). */
class Tally {
  policies = 0;
  brokered = 0;
  refused = 0;
  accesses = 0;
  allowed = 0;
  covered = 0;
  unreadable = 0;

  toString(): string {
    return (
      `${this.accesses} accesses, ${this.allowed} allowed, 0 disagreements; denied beyond the policy: ` +
      `${this.covered} under a mount, ${this.unreadable} programs that may not be read; ` +
      `${this.policies} policies, ${this.brokered} by the broker, ${this.refused} refused; ` +
      `seed ${seed}`
    );
  }
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
      const tally = new Tally();
      while (tally.accesses < accessesWanted) {
        const base = `${testFolder(setting)}/tree`;
        using _ = { [Symbol.dispose]: () => removeTree(base) };
        makeTree(base);
        if (setting.isPlain) giveToPlainUser(base);
        const audit = random(4) === 0 ? "full" : "off";
        await compare(setting, base, randomPolicy(random, base), audit, tally);
      }
      expect(tally.brokered).toBeGreaterThan(tally.policies / 4);
      expect(tally.policies - tally.brokered - tally.refused).toBeGreaterThan(0);
      console.log(`${setting.name}: ${tally}`);
    },
    3_600_000,
  );
}

async function compare(
  setting: Setting,
  base: string,
  rules: readonly Capability[],
  audit: "full" | "off",
  tally: Tally,
): Promise<void> {
  const asked = { workspace: base, audit };
  const all = [...fixtureRules(), ...rules];
  const planned = planLinux(request(all, asked), probeOf(setting), realDisk());
  tally.policies += 1;
  if (!planned.ok) {
    // Only running is left to the kernel alone.
    expect(planned.error.filter(({ message }) => !message.includes("ProcessSpawn"))).toEqual([]);
    tally.refused += 1;
    return;
  }
  const { plan, coverage } = planned.value;
  expect(gapsOf(coverage)).toEqual([]);
  const isBrokered = plan.notify?.brokerOpen === true;
  if (isBrokered) tally.brokered += 1;
  const accesses = accessesOn(base).filter(({ takesBroker }) => isBrokered || takesBroker !== true);
  const attempts = accesses.map(({ attempt }) => attempt);
  const { answers, failed } = await runBox(setting, rules, attempts, { ...asked, directory: base });
  expect(failed).toBeUndefined();
  expect(answers).toHaveLength(attempts.length);
  const decide = deciderOf(rules);
  const wrong = accesses.flatMap((access, index) => {
    const kernel = outcomeOf(answers[index] ?? "");
    if (kernel === undefined) return [];
    tally.accesses += 1;
    if (kernel === "allow") tally.allowed += 1;
    const wanted = isAllowed(access, decide) ? "allow" : "deny";
    if (wanted === kernel) return [];
    if (kernel === "deny" && isStricter(access, decide, plan.mounts, tally)) return [];
    return [{ attempt: access.attempt, kernel, wanted, answer: answers[index], isBrokered }];
  });
  const told = rules.map(({ origin }) => origin.rule);
  expect({ told, wrong }).toEqual({ told, wrong: [] });
}

type Decide = (action: PathAction, path: string) => boolean;

function deciderOf(capabilities: readonly Capability[]): Decide {
  const decider = prepareDecider({ version: 1, capabilities });
  return (action, path) => {
    const resource = { path, host: undefined, port: undefined, protocol: undefined };
    return decider.decide({ action, agent: "agent", resource }).outcome === "allow";
  };
}

function isAllowed({ needs, moves }: Access, decide: Decide): boolean {
  const gains =
    moves !== undefined &&
    (["FileRead", "FileWrite"] as const).some(
      (action) => !decide(action, moves.from) && decide(action, moves.to),
    );
  return !gains && needs.every(({ action, path }) => decide(action, path));
}

function isStricter(
  { attempt, needs }: Access,
  decide: Decide,
  mounts: BoxPlan["mounts"],
  tally: Tally,
): boolean {
  return needs.some(({ action, path }) => {
    // The path it leads to, and the way there through links.
    const way = [path, ...attempt.split(" ").slice(1)];
    const isCovered = mounts.some(
      (step) =>
        "path" in step &&
        /mask|read-only/.test(step.kind) &&
        way.some((place) => contains(String(step.path), place)),
    );
    // The kernel opens a program for reading before it executes it.
    const isUnreadable = action === "ProcessSpawn" && !decide("FileRead", path);
    if (isCovered) tally.covered += 1;
    else if (isUnreadable) tally.unreadable += 1;
    return isCovered || isUnreadable;
  });
}

const probed = new Map<string, ReturnType<typeof probe>>();

function probeOf(setting: Setting): ReturnType<typeof probe> {
  const host = probed.get(setting.name) ?? probe(setting);
  probed.set(setting.name, host);
  return host;
}
