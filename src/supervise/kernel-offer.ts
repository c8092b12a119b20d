// What decides about the protections this very process can be given, told cheaply: a plan made
// where no namespace can be had must not be used where they can, and one kernel may offer both at
// once, to a container and beside it. What cannot be seen from here (the calls another sandbox's
// filter refuses, a Landlock layer around us) is told apart by how many filters there are, and by a
// plan that lacks something being checked anew.

import { readFileSync, readlinkSync, statSync } from "node:fs";
import { release } from "node:os";

/** Differs when a kernel can have learned or lost a protection: after a reboot, or an update. */
const bootPath = "/proc/sys/kernel/random/boot_id";

/** Lines of /proc/self/status that say what we may ask of the kernel. */
const statusLines = /^(?:Uid|CapEff|CapBnd|NoNewPrivs|Seccomp|Seccomp_filters):.*$/gm;

/** Switches of the administrator; some kernels lack some. */
const switches = [
  "/proc/sys/user/max_user_namespaces",
  "/proc/sys/kernel/unprivileged_userns_clone",
  "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
  "/proc/self/attr/apparmor/current",
] as const;

export function kernelOffer(): string {
  const boot = textOf(bootPath);
  // A system without the file is told apart by its release.
  if (boot === "") return release();
  const status = textOf("/proc/self/status").match(statusLines) ?? [];
  // A container has its own mounts, which decide too; a changed root cannot make namespaces.
  const { dev, ino } = statSync("/");
  const spaces = ["user", "mnt"].map((name) => readlinkSync(`/proc/self/ns/${name}`));
  return [boot, ...status, ...switches.map(textOf), ...spaces, `${dev}:${ino}`].join("\n");
}

/** "" where there is no such file; looked for first, because an error takes longer to make. */
function textOf(path: string): string {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return "";
  try {
    return readFileSync(path, "latin1");
  } catch {
    // ignored: what we may not read is one state of it
    return "";
  }
}
