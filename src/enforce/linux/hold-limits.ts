// Makes what will hold the limits of one launch; which mechanism that is, limits.ts decides.

import { readFileSync } from "node:fs";
import { hasUserNamespace } from "../../bridge/encode-plan.ts";
import type { LimitName, Limits } from "../../model/limits.ts";
import type { HeldLimits } from "../backend.ts";
import { makeCgroup } from "./cgroup.ts";
import { limitHolds, limitsRow } from "./limits.ts";

/** @param plan encoded, without its command */
export function holdLinuxLimits(plan: Uint8Array, limits: Limits): HeldLimits {
  const value = (name: LimitName) => limits.find((limit) => limit.name === name)?.value;
  const made = makeCgroup({
    memory: value("memory"),
    processes: value("processes"),
    cpu: value("cpu") !== undefined,
  });
  const cgroup = typeof made === "string" ? undefined : made;
  const countsProcesses =
    value("processes") !== undefined && hasUserNamespace(plan) && isAtLeast(5, 14);
  const holds = limitHolds(limits, { cgroup, countsProcesses });
  return {
    row: limitsRow(limits, holds, typeof made === "string" ? made : ""),
    plan: { cgroup: cgroup?.directory, holds },
    release: () => cgroup?.remove(),
  };
}

function isAtLeast(major: number, minor: number): boolean {
  const release = readFileSync("/proc/sys/kernel/osrelease", "latin1");
  const [, first, second] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}
