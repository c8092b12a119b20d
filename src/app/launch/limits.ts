// The limits of one launch: defaults for a box that is confined, then what policies, the manifest,
// the configuration and flags ask for. The tightest of what was asked for holds.

import { AegisError } from "../../base/errors.ts";
import { readIfPresent } from "../../config/files.ts";
import {
  defaultSource,
  type Limit,
  type Limits,
  type LimitWish,
  mergeLimits,
} from "../../model/limits.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import { policyLimits } from "../../policy/limits.ts";

export interface LimitSources {
  readonly flags: readonly LimitWish[];
  readonly configured: readonly LimitWish[];
  readonly policies: readonly PolicySource[];
  /** Nothing is confined, so nothing is limited that nobody asked for. */
  readonly observeOnly: boolean;
}

/** @throws {AegisError} `policy/invalid` for an annotation that is no limit */
export function launchLimits(sources: LimitSources): Limits {
  const { wishes, diagnostics } = policyLimits(sources.policies);
  const [first] = diagnostics;
  if (first !== undefined) {
    const { file, line, message, hint } = first;
    throw new AegisError("policy/invalid", `Cannot use ${file}:${line}: ${message}`, {
      ...(hint === "" ? {} : { hint }),
    });
  }
  const defaults = sources.observeOnly ? [] : defaultLimits();
  return mergeLimits(defaults, [...sources.flags, ...wishes, ...sources.configured]);
}

/**
 * Generous: no build, browser or package manager comes near them, a bomb or a leak does before the
 * machine stands still.
 */
const processesMax = 4096;
const filesMax = 65_536;
const memoryShare = 0.75;

function defaultLimits(): Limits {
  const memory = totalMemoryBytes();
  const all: readonly (Limit | undefined)[] = [
    memory === undefined
      ? undefined
      : { name: "memory", value: Math.floor(memory * memoryShare), source: defaultSource },
    { name: "processes", value: processesMax, source: defaultSource },
    { name: "files", value: filesMax, source: defaultSource },
  ];
  return all.filter((limit) => limit !== undefined);
}

/** Undefined where the system does not say. */
function totalMemoryBytes(): number | undefined {
  const kibibytes = /^MemTotal:\s+(\d+) kB/m.exec(readIfPresent("/proc/meminfo") ?? "")?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}
