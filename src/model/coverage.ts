// Asked versus achieved, per protection. Recorded in the ledger for every run; a caller cannot
// ignore a gap.

export const protections = [
  "filesystem",
  "filesystem-metadata",
  "deny-inside-allow",
  "protected-names",
  "exec",
  "exec-inside-allow",
  "network",
  "unix-sockets",
  "processes",
  "signals",
  "ipc",
  "temporary-files",
  "system-calls",
  "terminal",
  "environment",
  "limits",
  "audit",
] as const;
export type Protection = (typeof protections)[number];

/**
 * - `enforced`: by the kernel, no known race.
 * - `weaker`: something is missing; `why` says what and on which kernel it would be there.
 * - `absent`: not protected at all.
 * - `not-asked`: the policy grants it, so there is nothing to enforce.
 */
export type CoverageLevel = "enforced" | "weaker" | "absent" | "not-asked";

export interface CoverageRow {
  readonly protection: Protection;
  readonly level: CoverageLevel;
  /** The mechanism, e.g. "landlock abi 7", "mount namespace". Empty when absent. */
  readonly by: string;
  /** Why it is not `enforced`, and the smallest fix; empty when it is. */
  readonly why: string;
}

export type Coverage = readonly CoverageRow[];
