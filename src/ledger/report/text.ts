// The compliance report for people to read. Pure; the caller says how to make text that watched
// programs chose safe for where it is shown.

import type { ComplianceReport, ReportedSession, Tally } from "./report.ts";

const barWidth = 30;
const nameWidth = 24;

/** @param safe makes one value safe for the terminal or file it goes to */
export function renderReport(report: ComplianceReport, safe: (text: string) => string): string {
  const title = `Compliance Report: ${safe(report.configuration)}`;
  const sections = [
    `${title}\n${"=".repeat(title.length)}`,
    summary(report),
    integrity(report, safe),
    section("Actions by Kind", bars(report.entries_by_action, safe)),
    section("Actions by Principal", bars(report.entries_by_principal, safe)),
    section("Top Resources", tallies(report.top_resources, safe)),
    section("Top Denied", denied(report, safe)),
    section(
      "Sessions",
      report.sessions.flatMap((session) => sessionLines(session, safe)),
    ),
    section("Policies", policies(report, safe)),
    section("Protections Not in Force", gaps(report, safe)),
  ];
  return `${sections.filter((text) => text !== "").join("\n\n")}\n`;
}

function summary(report: ComplianceReport): string {
  const range =
    report.earliest_entry === null
      ? "no entries"
      : `${report.earliest_entry} to ${report.latest_entry ?? ""}`;
  return section("Summary", [
    fact("Total entries", String(report.total_entries)),
    fact("Total sessions", String(report.total_sessions)),
    fact("Allowed", String(report.allow_count)),
    fact("Denied", String(report.deny_count)),
    fact("Deny rate", `${(report.deny_rate * 100).toFixed(1)}%`),
    fact("Policy changes", String(report.policy_changes)),
    fact("Integrity", report.integrity_valid ? "VALID" : "INVALID"),
    fact("Time range", range),
  ]);
}

function integrity(report: ComplianceReport, safe: (text: string) => string): string {
  const { findings, warnings, unclosed_sessions, checkpoint } = report.integrity;
  const lines: string[] = [];
  if (!report.integrity_valid) {
    lines.push("WARNING: the ledger was changed after it was written. Nothing in this report");
    lines.push("is evidence until the cause is known. `aegis audit verify` lists every finding.");
    lines.push(...findings.slice(0, 10).map(({ kind, message }) => `${kind}: ${safe(message)}`));
  }
  if (checkpoint === null)
    lines.push("No checkpoint was signed, so the end of the ledger is open.");
  else lines.push(`Signed: ${checkpoint.size} entries, root ${checkpoint.root}`);
  if (checkpoint !== null) lines.push(`By:     ${safe(checkpoint.origin)}`);
  lines.push(...unclosed_sessions.map((id) => `Unclosed session: ${id}`));
  lines.push(...warnings.map((warning) => `Not checked: ${safe(warning)}`));
  return section("Integrity", lines);
}

function bars(rows: readonly Tally[], safe: (text: string) => string): string[] {
  const largest = Math.max(1, ...rows.map(({ count }) => count));
  return rows.map(({ name, count }) => {
    const filled = Math.round((count / largest) * barWidth);
    const bar = "#".repeat(filled).padEnd(barWidth, ".");
    return `${safe(name).padEnd(nameWidth)} ${String(count).padStart(9)}  ${bar}`;
  });
}

function tallies(rows: readonly Tally[], safe: (text: string) => string): string[] {
  return rows.map(({ name, count }) => `${String(count).padStart(9)}  ${safe(name)}`);
}

function denied({ top_denied }: ComplianceReport, safe: (text: string) => string): string[] {
  return top_denied.map(({ action, resource, rule, count }) => {
    const by = rule === "" ? "no rule permits it" : safe(rule);
    return `${String(count).padStart(9)}  ${action} ${safe(resource)} (${by})`;
  });
}

function sessionLines(session: ReportedSession, safe: (text: string) => string): string[] {
  const { session_id, name, tag, exit_status, end_time, purged } = session;
  const end = end_time === null ? "not closed" : `exit ${exit_status ?? "?"}, ${end_time}`;
  const counts = `${session.total_actions} actions, ${session.denied_actions} denied`;
  return [
    `${session_id}  ${safe(name)}${tag === null ? "" : ` [${safe(tag)}]`}`,
    purged ? "  (purged)" : `  ${safe(session.command.join(" "))}`,
    `  ${session.start_time} to ${end}; ${counts}`,
  ];
}

function policies(report: ComplianceReport, safe: (text: string) => string): string[] {
  return report.policies.map(({ policy_hash, timestamp, sources }) => {
    return `${timestamp}  ${policy_hash.slice(0, 16)}  ${safe(sources.join(", "))}`;
  });
}

function gaps({ coverage_gaps }: ComplianceReport, safe: (text: string) => string): string[] {
  return coverage_gaps.map(({ protection, level, why, sessions }) => {
    const reason = why === "" ? "" : `: ${safe(why)}`;
    return `${safe(protection)} ${level} in ${sessions} session(s)${reason}`;
  });
}

function fact(label: string, value: string): string {
  return `${`${label}:`.padEnd(16)}${value}`;
}

/** Empty when there is nothing to tell. */
function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `${title}\n${"-".repeat(title.length)}\n${lines.join("\n")}`;
}
