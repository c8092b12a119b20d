// The changes of a dry run as lines. The box chose the names; they are escaped here.

import type { ChangeView, DryRunResult } from "../../app/dry-run/choice.ts";
import { escapeControls } from "./text.ts";

/** Changes named in the summary of a run; `--json` has them all. */
const shownMax = 100;

export function changeSummary(changes: readonly ChangeView[]): string {
  const count = (kind: ChangeView["kind"]) => changes.filter((each) => each.kind === kind).length;
  return `${count("added")} added, ${count("changed")} changed, ${count("deleted")} deleted, ${count("attributes")} attributes`;
}

export function changeLines(changes: readonly ChangeView[]): string[] {
  return changes.map((change) => {
    const slash = change.type === "folder" ? "/" : "";
    const conflict = change.conflict === null ? "" : ` - cannot be committed: ${change.conflict}`;
    const path = escapeControls(change.path);
    return `aegis:   ${change.kind.padEnd(10)} ${path}${slash}${detailOf(change)}${conflict}`;
  });
}

/** Also without the summary of the run. */
export function renderDryRun(result: DryRunResult): string {
  return `${dryRunLines(result).join("\n")}\n`;
}

/** What became of them, and each one unless a person was shown them already. */
export function dryRunLines(result: DryRunResult): string[] {
  const { decision, changes, left, kept } = result;
  if (decision === "none") return ["aegis: Dry run: nothing was changed"];
  const lines = [`aegis: Dry run: ${changeSummary(changes)}`];
  lines.push(...changeLines(changes.slice(0, shownMax)));
  if (changes.length > shownMax) lines.push(`aegis:   and ${changes.length - shownMax} more`);
  for (const { path, why } of left)
    lines.push(`aegis: not committed: ${escapeControls(path)}: ${escapeControls(why)}`);
  const where = kept === undefined ? "" : escapeControls(kept);
  if (decision === "commit") lines.push(`aegis: committed ${changes.length - left.length} changes`);
  if (decision === "discard") {
    lines.push("aegis: discarded every change (--commit carries them out, --keep DIR keeps them)");
  }
  if (where !== "") lines.push(`aegis: kept in ${where}`);
  return lines;
}

function detailOf({ kind, size_before, size_after, mode_before, mode_after }: ChangeView): string {
  if (kind === "attributes") {
    if (mode_before !== mode_after) return ` (mode ${mode_before} -> ${mode_after})`;
    return " (owner, times or extended attributes)";
  }
  const parts: string[] = [];
  if (size_before !== null && size_after !== null)
    parts.push(`${size_before} -> ${size_after} bytes`);
  else if (size_after !== null) parts.push(`${size_after} bytes`);
  else if (kind === "deleted" && size_before !== null) parts.push(`${size_before} bytes`);
  if (mode_before !== null && mode_after !== null && mode_before !== mode_after)
    parts.push(`mode ${mode_before} -> ${mode_after}`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
