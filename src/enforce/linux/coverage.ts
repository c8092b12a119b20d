// What a plan holds and what it does not, protection by protection. A row says `enforced` only for
// what the kernel, or the supervisor without a race, really refuses.

import type { Coverage, CoverageLevel, CoverageRow, Protection } from "../../model/coverage.ts";
import { type FeatureName, type HostFeatures, has } from "./features.ts";
import { judgesSockets, type Means, type Needs } from "./means.ts";
import type { ByName } from "./network.ts";
import type { Guard } from "./protect.ts";
import type { Temporary } from "./temporary.ts";

/** Limits belong to a launch, not to a plan. */
type PlannedProtection = Exclude<Protection, "limits">;

/** One level with what explains it. */
type Grade = Omit<CoverageRow, "protection">;

export function coverageOf(
  needs: Needs,
  means: Means,
  temporary: Temporary,
  host: HostFeatures,
): Coverage {
  const graded: Readonly<Record<PlannedProtection, Grade>> = {
    filesystem: filesystem(needs, means, host),
    "filesystem-metadata": metadata(needs, means, host),
    "deny-inside-allow": denyInsideAllow(needs, means, host),
    "protected-names": protectedNames(needs, means, host),
    exec: exec(needs, means, host),
    "exec-inside-allow": execInsideAllow(needs, means, host),
    network: network(needs, means, host),
    "unix-sockets": unixSockets(needs, means, host),
    processes: processes(needs, means, host),
    signals: signals(needs, means, host),
    ipc: ipc(needs, means, host),
    "temporary-files": temporaryFiles(needs, temporary),
    "system-calls": enforced("seccomp"),
    terminal: enforced("seccomp"),
    environment: enforced("explicit environment, closed descriptors, no capabilities"),
    audit: audit(needs, means, host),
  };
  return rows(graded);
}

/** Of a box that is only watched. */
export function observedCoverage(host: HostFeatures): Coverage {
  const notAsked = grade("not-asked", "", "");
  const watched = has(host, "notify")
    ? enforced("seccomp notify")
    : grade("absent", "", host.lacks.notify);
  return rows({
    filesystem: notAsked,
    "filesystem-metadata": notAsked,
    "deny-inside-allow": notAsked,
    "protected-names": notAsked,
    exec: notAsked,
    "exec-inside-allow": notAsked,
    network: notAsked,
    "unix-sockets": notAsked,
    processes: notAsked,
    signals: notAsked,
    ipc: notAsked,
    "temporary-files": notAsked,
    "system-calls": notAsked,
    terminal: notAsked,
    environment: notAsked,
    audit: watched,
  });
}

function rows(graded: Readonly<Record<PlannedProtection, Grade>>): Coverage {
  return Object.entries(graded).map(([protection, entry]) => ({
    protection: protection as Protection,
    ...entry,
  }));
}

function grade(level: CoverageLevel, by: string, why: string): Grade {
  return { level, by, why };
}

function enforced(...by: readonly (string | false)[]): Grade {
  return grade("enforced", by.filter((part) => part !== false).join(", "), "");
}

const notAsked = grade("not-asked", "", "the policy grants it");

/**
 * What is left where a means is missing: the supervisor's word, which a second thread can race, or
 * nothing.
 */
function without(feature: FeatureName, means: Means, host: HostFeatures, what: string): Grade {
  const why = `${what}: ${host.lacks[feature]}`;
  return means.judgesAll
    ? grade("weaker", "supervisor", `${why}; the supervisor judges, which a second thread can race`)
    : grade("absent", "", why);
}

/** It opens and changes files itself, on what it judged. */
const brokerName = "broker";

function landlockName(host: HostFeatures): string {
  return `landlock abi ${host.landlockAbi}`;
}

function filesystem(needs: Needs, means: Means, host: HostFeatures): Grade {
  if (!needs.confinesFiles) return notAsked;
  if (!means.landlock) return without("landlock", means, host, "files are confined by Landlock");
  const by = enforced(
    needs.exceedsKernel && brokerName,
    landlockName(host),
    means.mounts && "read-only mounts",
  );
  if (host.landlockAbi >= 3 || means.mounts || means.broker) return by;
  return grade(
    "weaker",
    by.by,
    "truncating a file that may not be written needs Landlock ABI 3 (Linux 6.2) or a mount namespace",
  );
}

function metadata(needs: Needs, means: Means, host: HostFeatures): Grade {
  if (!needs.confinesFiles) return notAsked;
  if (means.broker) return enforced(brokerName, means.mounts && "read-only mounts");
  const mounted = enforced("read-only mounts", means.changes && brokerName);
  if (means.mounts && needs.inheritsFiles && !means.changes) {
    const lacking = host.lacks.notify || host.lacks.landlock;
    return grade("weaker", mounted.by, `those of its standard streams: ${lacking}`);
  }
  if (means.mounts) return mounted;
  const what =
    "changing modes, owners, times and attributes outside the grants is stopped by read-only mounts";
  return without(
    "mount namespace",
    { ...means, judgesAll: means.notify && needs.audit !== "off" },
    host,
    what,
  );
}

function denyInsideAllow(needs: Needs, means: Means, host: HostFeatures): Grade {
  const places = needs.protection.covered.filter(({ isWriteOnly }) => !isWriteOnly);
  if (places.length === 0 && !needs.exceedsKernel) {
    return grade("not-asked", "", "no forbid lies inside a grant");
  }
  const uncovered = means.mounts ? undefined : places.find((guard) => !isHeld(guard, means));
  if (uncovered !== undefined) {
    return without(
      "mount namespace",
      means,
      host,
      `"${uncovered.path}" is forbidden inside a grant, which takes a mount`,
    );
  }
  const by = enforced(places.length > 0 && means.mounts && "mounts", means.broker && brokerName);
  return unlessFolded(by, needs.folded.toForbidden);
}

/** A mount lies on one spelling, and whoever judges compares bytes. */
function unlessFolded({ by, ...rest }: Grade, folder: string | undefined): Grade {
  if (folder === undefined) return { by, ...rest };
  const why = `"${folder}" takes names that differ in case alone for the same`;
  return grade("weaker", by, `${why}, and a rule is about one spelling: the others are open`);
}

function isHeld(guard: Guard, means: Means): boolean {
  return means.broker && guard.brokerHolds;
}

function protectedNames(needs: Needs, means: Means, host: HostFeatures): Grade {
  const { guarded, covered } = needs.protection;
  const places = covered.filter(({ isWriteOnly }) => isWriteOnly);
  if (places.length === 0 && guarded.length === 0) {
    return grade("not-asked", "", "no protected name lies where something may be written");
  }
  const uncovered = means.mounts ? undefined : places.find((guard) => !isHeld(guard, means));
  if (uncovered !== undefined) {
    return without(
      "mount namespace",
      means,
      host,
      `"${uncovered.path}" is protected inside a writable folder, which takes a mount`,
    );
  }
  if (guarded.length > 0 && !means.notify) {
    return grade(
      "absent",
      "",
      `names that do not exist yet are protected by the broker: ${host.lacks.notify}`,
    );
  }
  const by = enforced(
    places.length > 0 && means.mounts && "read-only mounts",
    means.broker ? brokerName : guarded.length > 0 && "broker makes new names",
  );
  return unlessFolded(by, needs.folded.toProtected);
}

function exec(needs: Needs, means: Means, host: HostFeatures): Grade {
  if (!needs.confinesExec) return notAsked;
  if (!means.landlock) return without("landlock", means, host, "programs are confined by Landlock");
  return enforced(
    landlockName(host),
    !needs.executesWritten && "sealed memfds",
    means.verifies && "broker looks at what its callers run",
  );
}

/**
 * Programs are started by the kernel, after the broker has judged the name: what keeps a file from
 * running for certain is a mount over it.
 */
function execInsideAllow(needs: Needs, means: Means, host: HostFeatures): Grade {
  const covered = needs.protection.covered.filter(({ forbidsRunning }) => forbidsRunning);
  if (covered.length === 0 && !needs.exceedsExec) {
    return grade("not-asked", "", "no program is forbidden inside a folder of programs");
  }
  if (!needs.exceedsExec && means.mounts) return enforced("mounts");
  if (!means.broker) {
    return without("mount namespace", means, host, "a program is kept from running by a mount");
  }
  return grade(
    "weaker",
    `${brokerName}, ${landlockName(host)}`,
    "a file that may be neither read nor run is judged when it is started, and then started by the " +
      "kernel: a second thread can put it in another's place. It stays closed for reading, and is " +
      "ended at its first file, connection or program",
  );
}

function network(needs: Needs, means: Means, host: HostFeatures): Grade {
  if (!needs.confinesNetwork) return notAsked;
  if (needs.deniesNetwork)
    return enforced(means.net ? "network namespace" : "seccomp refuses internet sockets");
  if (needs.byName !== undefined) return networkByName(needs.byName, means, host);
  const hasPorts = means.landlock && host.landlockAbi >= 4;
  if (means.notify)
    return enforced(
      hasPorts && landlockName(host),
      "seccomp",
      socketsBy(means, "connects and binds"),
    );
  if (!hasPorts) {
    return grade(
      "absent",
      "",
      `ports need Landlock ABI 4 (Linux 6.7) or the supervisor: ${host.lacks.notify}`,
    );
  }
  return grade(
    "weaker",
    `${landlockName(host)}, seccomp`,
    `listening without a port is judged by the supervisor only: ${host.lacks.notify}`,
  );
}

function socketsBy({ takesSockets }: Means, does: string): string {
  return takesSockets ? `supervisor ${does}` : `supervisor makes sockets and ${does}`;
}

function networkByName(byName: ByName, means: Means, host: HostFeatures): Grade {
  if (!means.notify) {
    const why = `connections by name are made by the supervisor: ${host.lacks.notify}`;
    return grade("absent", "", why);
  }
  if (!means.takesSockets && byName.onlyPings) {
    const why = `ICMP by name takes a caller's socket: ${host.lacks.descriptors}`;
    return grade("absent", "", why);
  }
  return enforced(
    "gateway",
    means.net ? "network namespace" : socketsBy(means, "connects"),
    !means.net && means.landlock && host.landlockAbi >= 4 && landlockName(host),
    "seccomp",
  );
}

function unixSockets(needs: Needs, means: Means, host: HostFeatures): Grade {
  if (!judgesSockets(needs)) return notAsked;
  const byLandlock = means.landlock && host.landlockAbi >= 9;
  if (means.notify)
    return enforced(
      byLandlock && landlockName(host),
      socketsBy(means, "connects"),
      "seccomp refuses datagrams",
    );
  if (byLandlock) return enforced(landlockName(host), "seccomp refuses datagrams");
  return grade(
    "absent",
    "",
    `connecting to a socket of the file system is judged by Landlock ABI 9 (Linux 7.1) or by the supervisor: ${host.lacks.notify}`,
  );
}

function isFree(needs: Needs): boolean {
  return !needs.confinesFiles && !needs.confinesNetwork;
}

function processes(needs: Needs, means: Means, host: HostFeatures): Grade {
  if (isFree(needs)) return notAsked;
  if (means.pid) return enforced("pid namespace", "seccomp");
  const lacking = means.mounts ? host.lacks["pid namespace"] : host.lacks["mount namespace"];
  return grade(
    "weaker",
    "seccomp",
    `other processes can be seen, not touched, without namespaces of the box's own: ${lacking}`,
  );
}

function signals(needs: Needs, means: Means, host: HostFeatures): Grade {
  if (isFree(needs)) return notAsked;
  const scoped = means.landlock && host.landlockAbi >= 6;
  if (means.pid || scoped)
    return enforced(means.pid && "pid namespace", scoped && landlockName(host));
  return grade(
    "absent",
    "",
    `signals to other processes are stopped by Landlock ABI 6 (Linux 6.12) or a pid namespace: ${host.lacks["pid namespace"] || host.lacks["mount namespace"]}`,
  );
}

function ipc(needs: Needs, means: Means, host: HostFeatures): Grade {
  if (isFree(needs)) return notAsked;
  if (means.ipc) return enforced("ipc namespace");
  return grade(
    "weaker",
    "seccomp",
    `System V memory, queues and semaphores are refused, and /dev/shm is the host's: ${host.lacks["ipc namespace"]}`,
  );
}

/** A folder of the user's own is as good: nothing of /tmp is granted where the box has one. */
function temporaryFiles(needs: Needs, { fresh, folder, isOwn, shared }: Temporary): Grade {
  if (!needs.confinesFiles) return notAsked;
  const by = [
    ...fresh.map(({ path }) => `private ${path}`),
    ...(isOwn && folder !== undefined ? [`folder ${folder}`] : []),
  ].join(", ");
  if (shared.length > 0) {
    const why = "what other programs keep there, sockets too, is as open to the box as the policy";
    return grade("weaker", by, `${shared.join("; ")}; ${why} says`);
  }
  if (by === "") return grade("not-asked", "", "the policy grants no place for temporary files");
  return enforced(by);
}

function audit(needs: Needs, means: Means, host: HostFeatures): Grade {
  if (needs.audit === "off") return grade("not-asked", "", "recording was switched off");
  if (!means.notify)
    return grade(
      "absent",
      "",
      `accesses are recorded through seccomp notifications: ${host.lacks.notify}`,
    );
  const heard =
    needs.audit === "full" ? "seccomp notify" : "seccomp notify of changes, programs and network";
  return enforced(heard, means.broker && "broker names what it opened");
}
