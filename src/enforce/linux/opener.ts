// Who opens files for the box: the kernel, by Landlock and mounts alone, or the broker, which
// judges each access by the policy itself. This is the only place where that is decided.

import type { AuditLevel } from "../backend.ts";
import { type HostFeatures, has } from "./features.ts";
import type { Finding } from "./finding.ts";
import type { Protection } from "./protect.ts";

export type Opener = "kernel" | "broker";

export interface OpenerNeeds {
  /** What the kernel's means cannot hold of the policy. */
  readonly findings: readonly Finding[];
  readonly protection: Protection;
  /** Something is granted where nothing is yet. */
  readonly grantsAbsent: boolean;
  /** Whether what may not be read could be read by another name; asked last. */
  readonly readsByOtherNames: () => boolean;
  readonly audit: AuditLevel;
  /** What is denied is asked about, and opened then. */
  readonly asks: boolean;
}

/**
 * The broker where the kernel's means do not hold the policy, and where every access is recorded
 * anyway: asked already, it answers for little more, and its rows name what was really opened.
 */
export function openerFor(needs: OpenerNeeds, host: HostFeatures): Opener {
  // Landlock stays underneath: it decides what runs, and bounds the broker itself.
  if (!has(host, "notify") || !has(host, "landlock")) return "kernel";
  const isShort =
    needs.findings.some(({ brokerHolds }) => brokerHolds === true) ||
    needs.grantsAbsent ||
    (needs.protection.covered.length > 0 && !has(host, "mount namespace"));
  const isRecorded = needs.audit === "full" && opensWhatItRecords;
  return isShort || needs.asks || isRecorded || needs.readsByOtherNames() ? "broker" : "kernel";
}

/** Costs whole programs at most 1.35 times their bare time; docs/benchmarks.md has the figures. */
const opensWhatItRecords = false;
