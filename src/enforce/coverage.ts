// What to do about protections a kernel cannot give: refuse, unless the person said otherwise.

import { AegisError } from "../base/errors.ts";
import type { Coverage, CoverageRow, Protection } from "../model/coverage.ts";

/**
 * Protections a policy speaks of. Without them a box would do what the policy forbids. The others
 * keep a box apart from the rest of the machine beyond what a policy can say; lacking one is
 * recorded, and no reason to refuse the kernels and containers that cannot give it.
 */
export const requiredProtections: ReadonlySet<Protection> = new Set<Protection>([
  "filesystem",
  "deny-inside-allow",
  "protected-names",
  "exec",
  "network",
  "unix-sockets",
  "system-calls",
  "terminal",
  "environment",
  "audit",
]);

/** Rows the policy needs at full strength and does not get. */
export function gapsOf(coverage: Coverage): CoverageRow[] {
  return coverage.filter(
    ({ protection, level }) =>
      requiredProtections.has(protection) && (level === "weaker" || level === "absent"),
  );
}

/** @throws {AegisError} `enforce/insufficient` naming every gap, unless `allowWeaker` */
export function refuseIfBelow(coverage: Coverage, allowWeaker: boolean): void {
  const gaps = gapsOf(coverage);
  if (gaps.length === 0 || allowWeaker) return;
  const told = gaps.map(({ protection, level, why }) => `${protection} would be ${level}: ${why}`);
  throw new AegisError(
    "enforce/insufficient",
    `Cannot enforce the policy on this machine: ${told.join("; ")}`,
    {
      hint: "fix what is named, or run with --allow-weaker; the ledger then records what was lost",
    },
  );
}
