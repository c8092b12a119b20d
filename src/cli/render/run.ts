// The end of a launch as text and as JSON. Paths and commands come from the box and are escaped
// before a terminal sees them.

import type { ChangeView, DryRunResult } from "../../app/dry-run/choice.ts";
import type { DenialAdvice, LaunchResult, LimitHitAdvice } from "../../app/launch/result.ts";
import { dryRunLines } from "./dry-run.ts";
import { escapeControls } from "./text.ts";

/** Denials named in the summary; the ledger has them all. */
const denialsShown = 5;

/** `--json` of `run` and `wrap`. */
export interface RunReport {
  readonly session: string;
  readonly ledger: string;
  readonly name: string;
  readonly command: readonly string[];
  readonly status: number;
  readonly signal: number | null;
  readonly accesses: { readonly allowed: number; readonly denied: number };
  readonly denials: readonly {
    readonly action: string;
    readonly resource: string;
    readonly count: number;
    readonly rule: string;
    readonly reason: string;
    readonly fix: string;
    readonly note: string;
  }[];
  readonly refused_calls: readonly { readonly call: string; readonly times: number }[];
  readonly audit: LaunchResult["audit"];
  readonly weaker: readonly { readonly protection: string; readonly why: string }[];
  readonly environment_removed: readonly string[];
  /** False for `wrap`: nothing was stopped, denials are what the policy would have denied. */
  readonly enforced: boolean;
  readonly limits_hit: readonly LimitHitAdvice[];
  readonly checkpoint: { readonly size: number; readonly root: string };
  /** Of `--dry-run` only. */
  readonly dry_run?: {
    readonly decision: DryRunResult["decision"];
    readonly changes: readonly ChangeView[];
    readonly not_committed: DryRunResult["left"];
    readonly kept: string | null;
  };
}

export function runReport(result: LaunchResult): RunReport {
  return {
    session: result.session,
    ledger: result.ledger,
    name: result.name,
    command: result.command,
    status: result.exit.status,
    signal: result.exit.signal ?? null,
    accesses: { allowed: result.totals.allowed, denied: result.totals.denied },
    denials: result.denials.map((denial) => ({
      action: denial.action,
      resource: denial.resource,
      count: denial.count,
      rule: denial.rule,
      reason: denial.reason,
      fix: denial.fix,
      note: denial.note,
    })),
    refused_calls: [...result.refusedCalls].map(([call, times]) => ({ call, times })),
    audit: result.audit,
    weaker: weakerRows(result),
    environment_removed: result.environmentRemoved,
    enforced: result.isEnforced,
    limits_hit: result.limitHits,
    checkpoint: { size: result.checkpoint.size, root: result.checkpoint.root },
    ...(result.dryRun === undefined ? {} : { dry_run: dryRunView(result.dryRun) }),
  };
}

function dryRunView({
  decision,
  changes,
  left,
  kept,
}: DryRunResult): NonNullable<RunReport["dry_run"]> {
  return { decision, changes, not_committed: left, kept: kept ?? null };
}

/** The summary on standard error, one fact a line. */
export function renderRunSummary(result: LaunchResult): string {
  const { allowed, denied } = result.totals;
  const counts = `${allowed} allowed, ${denied} denied${uncounted[result.audit]}`;
  const lines = [`aegis: Session: ${result.session}  ${counts}`];
  for (const hit of result.limitHits) lines.push(...limitLines(hit));
  for (const denial of mostTelling(result.denials).slice(0, denialsShown))
    lines.push(...denialLines(denial, result.isEnforced));
  const more = result.denials.length - denialsShown;
  if (more > 0)
    lines.push(`aegis: and ${more} more: aegis log --denied --session ${result.session}`);
  if (result.refusedCalls.size > 0) lines.push(refusedCallsLine(result.refusedCalls));
  if (result.environmentRemoved.length > 0) {
    const names = result.environmentRemoved.map((name) => escapeControls(name)).join(" ");
    lines.push(`aegis: kept out of the environment: ${names} (pass one on with --env NAME)`);
  }
  for (const row of weakerRows(result)) lines.push(`aegis: weaker: ${row.protection}: ${row.why}`);
  if (result.dryRun !== undefined) lines.push(...dryRunLines(result.dryRun));
  return `${lines.join("\n")}\n`;
}

/**
 * What a rule forbids before what nobody granted, and of that reads last: programs look for many
 * files they can do without.
 */
function mostTelling(denials: readonly DenialAdvice[]): readonly DenialAdvice[] {
  const rank = ({ rule, action }: DenialAdvice): number => {
    if (rule !== "") return 0;
    return action === "FileRead" || action === "DirList" ? 2 : 1;
  };
  return [...denials].sort((a, b) => rank(a) - rank(b));
}

/** What only the kernel refuses is seen by nobody, so that a count would say too much. */
const uncounted: Readonly<Record<LaunchResult["audit"], string>> = {
  full: "",
  writes: " (--audit writes: reads are not counted, denied ones neither)",
  off: " (--audit off: only what aegis itself denies is counted)",
};

function refusedCallsLine(calls: LaunchResult["refusedCalls"]): string {
  const names = [...calls].map(([call, times]) => (times > 1 ? `${call} (${times} times)` : call));
  return `aegis: refused system calls that no box may make: ${escapeControls(names.join(", "))}`;
}

function limitLines(hit: LimitHitAdvice): string[] {
  const { limit, effect, value, seen, source, exe, fix } = hit;
  const asked = source === "default" ? "the default" : escapeControls(source);
  const blamed = exe === "" ? "" : ` by ${escapeControls(exe)}`;
  const what =
    effect === "ended"
      ? `ended for its limit on ${limit}: ${seen} used${blamed}, ${value} allowed (${asked})`
      : `came to its limit on ${limit}: ${value} (${asked})${blamed}`;
  return [`aegis: ${what}`, `aegis:   allow more with ${escapeControls(fix)}`];
}

function denialLines(denial: DenialAdvice, isEnforced: boolean): string[] {
  const times = denial.count > 1 ? ` (${denial.count} times)` : "";
  const what = `${denial.action} ${escapeControls(denial.resource)}${times}`;
  const note = denial.note === "" ? "" : ` (${escapeControls(denial.note)})`;
  const fix =
    denial.fix === ""
      ? "nothing lifts this; do it outside the box if it has to be done"
      : `allow it with ${escapeControls(denial.fix)}${note}`;
  const verb = isEnforced ? "denied" : "would deny";
  return [`aegis: ${verb} ${what}: ${escapeControls(denial.reason)}`, `aegis:   ${fix}`];
}

function weakerRows(result: LaunchResult): { protection: string; why: string }[] {
  return result.coverage
    .filter((row) => row.level === "weaker" || row.level === "absent")
    .map((row) => ({ protection: row.protection, why: row.why }));
}
