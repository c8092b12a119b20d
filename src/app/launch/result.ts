// What a launch leaves behind, for the summary and for `--json`.

import type { SessionId } from "../../base/ids.ts";
import type { AuditLevel, BoxExit } from "../../enforce/backend.ts";
import type { Checkpoint } from "../../ledger/contract.ts";
import type { Coverage } from "../../model/coverage.ts";
import type { LimitName } from "../../model/limits.ts";
import type { DryRunResult } from "../dry-run/choice.ts";

/** A denial as a person meets it. */
export interface DenialAdvice {
  readonly action: string;
  /** Path, or `host:port`. */
  readonly resource: string;
  readonly count: number;
  readonly rule: string;
  readonly reason: string;
  /** Smallest flag that would allow it; empty when no flag can. */
  readonly fix: string;
  /** What to know before; empty when nothing. */
  readonly note: string;
}

/** A limit the box came to, as a person meets it. */
export interface LimitHitAdvice {
  readonly limit: LimitName;
  readonly effect: "refused" | "ended";
  /** As `--limit` reads it. */
  readonly value: string;
  readonly seen: string;
  /** Who asked for the limit; `default` when nobody did. */
  readonly source: string;
  /** Of the process to blame; "" when there is none. */
  readonly exe: string;
  /** Smallest change that would lift it. */
  readonly fix: string;
}

export interface LaunchResult {
  readonly session: SessionId;
  /** Path of the ledger that holds the session. */
  readonly ledger: string;
  readonly name: string;
  readonly command: readonly string[];
  /** False when accesses were only judged for the record. */
  readonly isEnforced: boolean;
  readonly exit: BoxExit;
  readonly totals: { readonly allowed: number; readonly denied: number };
  readonly denials: readonly DenialAdvice[];
  /** System calls that no box may make: how often each was tried. They are no accesses. */
  readonly refusedCalls: ReadonlyMap<string, number>;
  /** What was recorded, so what is counted. */
  readonly audit: AuditLevel;
  readonly coverage: Coverage;
  readonly environmentRemoved: readonly string[];
  readonly limitHits: readonly LimitHitAdvice[];
  readonly checkpoint: Checkpoint;
  /** Absent when what was changed is changed. */
  readonly dryRun?: DryRunResult | undefined;
}
