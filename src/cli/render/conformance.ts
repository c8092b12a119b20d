// Reports of conformance packs for a person. What a server answered is text of a stranger.

import type { PackReport, TestReport } from "../../control/conformance/report.ts";
import { escapeControls } from "./text.ts";

export function conformanceText(reports: readonly PackReport[]): string {
  return reports.map(packText).join("\n");
}

function packText(report: PackReport): string {
  const { pack, results, passed, total_tests, compliant, violated_reqs, badge_markdown } = report;
  const says = compliant ? "compliant" : "not compliant";
  const lines = [
    `${pack}: ${says}, ${passed} of ${total_tests} passed`,
    ...results.map(testText),
    ...(violated_reqs.length === 0 ? [] : [`  violated: ${violated_reqs.join(", ")}`]),
    `  ${badge_markdown}`,
  ];
  return lines.map((line) => `${escapeControls(line)}\n`).join("");
}

function testText({ status, id, description, error }: TestReport): string {
  const line = `  ${status}  ${id}  ${description}`;
  return error === undefined ? line : `${line} (${error})`;
}
