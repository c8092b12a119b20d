// `aegis audit verify`: every event hashed again, every chain, the tree and the signed checkpoints.

import type { VerifyReport } from "../../../ledger/contract.ts";
import type { Integrity } from "../../../wire/entry.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { jsonFlag, nameOperand } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { ledgerFlags, readLedger } from "../../read-ledger.ts";
import { type Fact, renderFacts, renderTitle } from "../../render/facts.ts";
import { jsonText } from "../../render/json.ts";

/** Findings printed; --json has them all. */
const findingsShown = 20;

export const command = defineCommand(
  {
    name: "audit verify",
    summary: "Prove that the ledger is what was recorded; exit status 1 when it is not.",
    flags: { ...ledgerFlags, json: jsonFlag },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis audit verify my-agent"],
  },
  async ({ flags, operands }, context) =>
    readLedger(context, { name: operands.NAME, flags }, async (ledger, { path, label }) => {
      const report = await ledger.verify();
      if (flags.json) writeOut(jsonText(integrity(path, report)));
      else writeOut(renderReport(label, report));
      return report.valid ? exitStatus.ok : exitStatus.failed;
    }),
);

function renderReport(label: string, report: VerifyReport): string {
  const { findings, unclosed, losses, checkpoint } = report;
  const facts: Fact[] = [
    ["Total entries", String(report.eventCount)],
    ...(report.purged === 0 ? [] : [["Purged", String(report.purged)] as const]),
    ["Valid", report.valid ? "YES" : "NO"],
  ];
  const first = findings.find(({ index }) => index !== undefined);
  if (first !== undefined) facts.push(["First invalid", `entry #${first.index}`]);
  for (const { kind, message } of findings.slice(0, findingsShown))
    facts.push(["Finding", `${kind}: ${message}`]);
  if (findings.length > findingsShown)
    facts.push(["", `and ${findings.length - findingsShown} more; --json lists them all`]);
  if (checkpoint === undefined) facts.push(["Checkpoint", "none yet"]);
  else {
    facts.push(["Checkpoint", `${checkpoint.size} entries, signed by ${checkpoint.origin}`]);
    facts.push(["Root", checkpoint.root]);
  }
  facts.push(["Unclosed", unclosed.length === 0 ? "none" : `${unclosed.length} session(s)`]);
  for (const id of unclosed.slice(0, findingsShown)) facts.push(["", id]);
  for (const [id, { accesses, reason }] of [...losses].slice(0, findingsShown))
    facts.push(["Incomplete", `${id}: at least ${accesses} accesses were not stored: ${reason}`]);
  for (const warning of report.warnings) facts.push(["Warning", warning]);
  const message = messageOf(report);
  return renderTitle(`Integrity Report: ${label}`) + renderFacts([...facts, ["Message", message]]);
}

function messageOf(report: VerifyReport): string {
  if (report.findings.some(({ kind }) => kind !== "checkpoint-invalid"))
    return "the ledger was changed after it was written";
  if (!report.valid) return "its checkpoints are not signed with the key that is here";
  if (report.eventCount === 0) return "the ledger is empty";
  const { eventCount, unopened, purged } = report;
  if (unopened + purged === 0) return `all ${eventCount} entries verified`;
  const others = purged > 0 && unopened === 0 ? "the purged ones" : "the others";
  const whole = eventCount - unopened - purged;
  return `${whole} of ${eventCount} entries verified, ${others} by place alone`;
}

function integrity(ledger: string, report: VerifyReport): Integrity {
  return {
    ledger,
    valid: report.valid,
    total_entries: report.eventCount,
    purged_entries: report.purged,
    findings: report.findings.map(({ kind, index, message }) => ({
      kind,
      index: index ?? null,
      message,
    })),
    warnings: [...report.warnings],
    unclosed_sessions: [...report.unclosed],
    losses: [...report.losses].map(([id, { accesses, reason }]) => ({
      session_id: id,
      actions: accesses,
      reason,
    })),
    checkpoint: report.checkpoint === undefined ? null : { ...report.checkpoint },
  };
}
