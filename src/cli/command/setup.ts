// `aegis setup`, also `aegis doctor`: what works here, found out by doing it.

import { type Survey, survey } from "../../app/survey.ts";
import type { CoverageRow } from "../../model/coverage.ts";
import type { SetupReport } from "../../wire/setup.ts";
import { defineCommand } from "../command.ts";
import { exitStatus } from "../exit.ts";
import { jsonFlag } from "../flags.ts";
import { writeOut } from "../output.ts";
import { renderFacts } from "../render/facts.ts";
import { jsonText } from "../render/json.ts";
import { renderTable } from "../render/table.ts";
import { tableWidth } from "../width.ts";

const coverageColumns = [
  { title: "PROTECTION" },
  { title: "LEVEL" },
  { title: "BY, OR WHY NOT", shrinkTo: 30 },
] as const;

export const command = defineCommand(
  {
    name: "setup",
    summary: "Try what this machine can enforce, and show it.",
    flags: { json: jsonFlag },
    operands: {},
    launches: false,
    examples: ["aegis setup"],
    notes: ["Exit status 1 when `aegis run` would need --allow-weaker with the default policy."],
  },
  async ({ flags }, context) => {
    const found = await survey(context);
    if (flags.json) writeOut(jsonText(setupReport(found)));
    else writeOut(renderSurvey(found, tableWidth(context.environment)));
    return found.ready ? exitStatus.ok : exitStatus.failed;
  },
);

function renderSurvey(found: Survey, width: number | undefined): string {
  const facts = renderFacts([
    ["Platform", found.platform],
    ["State", found.home],
    ["Trial", `${found.trial.passed ? "OK" : "FAILED"} - ${found.trial.message}`],
  ]);
  const features = found.features.map(({ name, usable, note }) => [
    name,
    usable ? "yes" : "no",
    note,
  ]);
  const featureColumns = [{ title: "FEATURE" }, { title: "WORKS" }, { title: "", shrinkTo: 20 }];
  const last = found.ready
    ? "Setup complete."
    : "Setup incomplete: `aegis run` needs --allow-weaker with the default policy here.";
  return [
    facts,
    ...(features.length === 0 ? [] : [renderTable(featureColumns, features, width)]),
    renderTable(coverageColumns, found.coverage.map(coverageRow), width),
    `${last}\n`,
  ].join("\n");
}

function coverageRow({ protection, level, by, why }: CoverageRow): string[] {
  return [protection, level, why === "" ? by : why];
}

function setupReport(found: Survey): SetupReport {
  return {
    platform: found.platform,
    home: found.home,
    features: found.features.map((feature) => ({ ...feature })),
    coverage: found.coverage.map((row) => ({ ...row })),
    trial: { ...found.trial },
    ready: found.ready,
  };
}
