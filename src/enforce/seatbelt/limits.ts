// Limits on macOS: sandbox-exec knows none, and there is no helper that would look. What was asked
// for is refused, a default is named as absent.

import { AegisError } from "../../base/errors.ts";
import { defaultSource, type Limits } from "../../model/limits.ts";
import type { HeldLimits } from "../backend.ts";

/** @throws {AegisError} `enforce/insufficient` for every limit that is no default */
export function holdSeatbeltLimits(limits: Limits): HeldLimits {
  const asked = limits.filter(({ source }) => source !== defaultSource);
  if (asked.length > 0) {
    const told = asked.map(({ name, source }) => `${name} (${source})`).join(", ");
    throw new AegisError(
      "enforce/insufficient",
      `Cannot limit ${told}: macOS has no means for it`,
      {
        hint: "leave the limit out, or set it with ulimit before aegis",
      },
    );
  }
  return {
    row: { protection: "limits", level: "not-asked", by: "", why: "macOS has no means for limits" },
    plan: { cgroup: undefined, holds: [] },
    release: () => undefined,
  };
}
