// Which mechanism holds each limit on Linux, and what that is worth. Pure: what the machine offers
// comes in, what the helper is told goes out.

import type { CoverageRow } from "../../model/coverage.ts";
import {
  defaultSource,
  formatLimit,
  type Limit,
  type LimitHold,
  type LimitMeans,
  type Limits,
} from "../../model/limits.ts";

export interface LimitHost {
  /** Of the box's cgroup; undefined when it gets none. CPU time is counted in every one. */
  readonly cgroup: { readonly memory: boolean; readonly processes: boolean } | undefined;
  /**
   * The kernel counts processes for the box alone: it has a user namespace, and Linux 5.14 counts
   * by user and namespace. Elsewhere RLIMIT_NPROC counts every process of the user, and root is
   * not held by it.
   */
  readonly countsProcesses: boolean;
}

export function limitHolds(limits: Limits, host: LimitHost): readonly LimitHold[] {
  return limits.map((limit) => ({
    name: limit.name,
    value: limit.value,
    by: meansFor(limit, host),
  }));
}

function meansFor({ name }: Limit, { cgroup, countsProcesses }: LimitHost): readonly LimitMeans[] {
  switch (name) {
    case "memory":
      return cgroup?.memory === true ? ["cgroup"] : ["supervisor"];
    case "processes":
      if (cgroup?.processes === true) return ["cgroup"];
      return countsProcesses ? ["rlimit"] : ["supervisor"];
    case "cpu":
      return ["rlimit", cgroup === undefined ? "supervisor" : "cgroup"];
    case "files":
    case "file-size":
      return ["rlimit"];
    case "time":
    case "output":
      return ["supervisor"];
  }
}

/** @param lacksCgroup why there is no cgroup, "" when there is one */
export function limitsRow(
  limits: Limits,
  holds: readonly LimitHold[],
  lacksCgroup: string,
): CoverageRow {
  const held = limits.map((limit, index) => ({ limit, by: holds[index]?.by ?? [] }));
  const told = held.map(({ limit, by }) => {
    const note = weakness(limit, by) === "" ? "" : ", which looks from time to time";
    return `${limit.name} ${formatLimit(limit.name, limit.value)} by ${by.join(" and ")}${note}`;
  });
  // A default is a net that nobody counts on; what was asked for is a promise.
  const gaps = held
    .filter(({ limit }) => limit.source !== defaultSource)
    .map(({ limit, by }) => weakness(limit, by))
    .filter((gap) => gap !== "");
  const missing = gaps.length > 0 && lacksCgroup !== "" ? [`no cgroup: ${lacksCgroup}`] : [];
  return {
    protection: "limits",
    level: limits.length === 0 ? "not-asked" : gaps.length > 0 ? "weaker" : "enforced",
    by: told.join("; "),
    why: [...gaps, ...missing].join("; "),
  };
}

function weakness({ name }: Limit, by: readonly LimitMeans[]): string {
  if (!by.includes("supervisor")) return "";
  switch (name) {
    case "memory":
      return "memory taken and given back between two looks, and files held in memory, are not seen";
    case "processes":
      return "too many processes end the box when they are seen, they are not refused";
    case "cpu":
      return "CPU time of a process that nobody waited for is lost when it ends";
    case "files":
    case "file-size":
    case "time":
    case "output":
      return "";
  }
}
