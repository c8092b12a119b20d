// From what `aegis-helper probe` printed to features. A feature is there only when everything it
// takes was seen to work; what the helper did not print, or printed in a way unknown here, is
// missing with that as the reason.

import { type FeatureName, featureNames, type HostFeatures } from "./features.ts";
import type { Arch } from "./filter/syscall-table.ts";

/**
 * @param output `name value` lines; `ok` works, `user` works in a user namespace, else the name of
 * an error or a number
 */
export function hostFeatures(
  output: string,
  machine: { readonly arch: Arch; readonly isRoot: boolean },
): HostFeatures {
  const values = new Map<string, string>();
  for (const line of output.split("\n")) {
    const [name, value] = line.split(" ");
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  const lacks = Object.fromEntries(
    featureNames.map((feature) => [feature, whyLacking(feature, values, machine.isRoot)]),
  ) as Record<FeatureName, string>;
  return {
    ...machine,
    landlockAbi: lacks.landlock === "" ? numberOf(values, "landlock_abi") : 0,
    landlockErrata: numberOf(values, "landlock_errata"),
    lacks,
  };
}

const parts: Readonly<Record<FeatureName, readonly string[]>> = {
  landlock: ["landlock_restrict"],
  notify: ["seccomp_filter", "seccomp_listener", "process_vm_readv"],
  descriptors: ["pidfd_getfd"],
  "mount namespace": ["mountns", "tmpfs_mount", "mount_setattr"],
  "pid namespace": ["pidns", "proc_mount"],
  "net namespace": ["netns"],
  "ipc namespace": ["ipcns"],
};

function whyLacking(
  feature: FeatureName,
  values: ReadonlyMap<string, string>,
  isRoot: boolean,
): string {
  for (const part of parts[feature]) {
    const value = values.get(part);
    if (value === "ok" && (isRoot || !namespaced.has(feature))) continue;
    // Root makes namespaces without a user namespace; whoever cannot needs one and must be able to
    // make it.
    if ((value === "user" || value === "ok") && values.get("userns") === "ok" && !isRoot) continue;
    return explain(feature, part, values);
  }
  return "";
}

const namespaced: ReadonlySet<FeatureName> = new Set([
  "mount namespace",
  "pid namespace",
  "net namespace",
  "ipc namespace",
]);

function explain(feature: FeatureName, part: string, values: ReadonlyMap<string, string>): string {
  const value = values.get(part);
  if (value === undefined) return `the helper reported nothing about ${part}`;
  const isInside = values.get("seccomp_listener") === "EBUSY";
  const known =
    isInside && part === "seccomp_listener"
      ? listenerAdvice
      : isInside && namespaced.has(feature)
        ? nestedAdvice
        : advice[feature];
  return `${part} failed with ${value}${known === "" ? "" : `; ${known}`}`;
}

const namespaceAdvice =
  "user namespaces are switched off here (a container, AppArmor or a sysctl); run outside, or let aegis make them";
const nestedAdvice =
  "this runs inside an outer sandbox, which refuses namespaces; run outside of it";
const listenerAdvice = "an outer sandbox holds the one listener a process tree can have";
const advice: Readonly<Record<FeatureName, string>> = {
  landlock: "Landlock needs Linux 5.13 with landlock among the active security modules",
  notify: "the system calls of a box are answered through it; a container may refuse it",
  descriptors: "a container refuses it; sockets are made by aegis instead",
  "mount namespace": namespaceAdvice,
  "pid namespace": namespaceAdvice,
  "net namespace": namespaceAdvice,
  "ipc namespace": namespaceAdvice,
};

function numberOf(values: ReadonlyMap<string, string>, name: string): number {
  const number = Number(values.get(name));
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}
