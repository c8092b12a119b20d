// `aegis setup`, also `aegis doctor`: what works here, found out by doing it.

import { type Survey, survey } from "../../app/survey.ts";
import { temporaryKeptDays } from "../../base/limits.ts";
import type { CoverageRow } from "../../model/coverage.ts";
import type { SetupReport } from "../../wire/setup.ts";
import { defineCommand } from "../command.ts";
import type { CliContext } from "../context.ts";
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
    flags: {
      attack: {
        kind: "switch",
        summary: "Also attack a box, harmlessly, and show what held",
      },
      json: jsonFlag,
    },
    operands: {},
    launches: false,
    examples: ["aegis setup", "aegis setup --attack"],
    notes: [
      "Exit status 1 when `aegis run` would need --allow-weaker with the default policy, or could",
      "make no box at all, or an attack worked. An attack is unproven when it does not work without a box either.",
    ],
  },
  async ({ flags }, context) => {
    const found = await survey(context);
    const attacks = flags.attack ? await attackBox(context) : undefined;
    const width = tableWidth(context.environment);
    if (flags.json) writeOut(jsonText({ ...setupReport(found), ...(attacks && { attacks }) }));
    else {
      writeOut(renderSurvey(found, width));
      if (attacks !== undefined) writeOut(renderAttacks(attacks, width));
    }
    const isOpen = attacks?.some(({ outcome }) => outcome === "open") === true;
    return found.ready && !isOpen ? exitStatus.ok : exitStatus.failed;
  },
);

async function attackBox(context: CliContext): Promise<NonNullable<SetupReport["attacks"]>> {
  const { attack } = await import("../../app/attack/attack.ts");
  return (await attack(context)).map((result) => ({ ...result }));
}

function renderAttacks(
  attacks: NonNullable<SetupReport["attacks"]>,
  width: number | undefined,
): string {
  const columns = [{ title: "ATTACK" }, { title: "OUTCOME" }, { title: "WHAT", shrinkTo: 30 }];
  const lines = attacks.map(({ name, what, outcome }) => [name, outcome, what]);
  const count = (wanted: string) => attacks.filter(({ outcome }) => outcome === wanted).length;
  const total = `${count("held")} held, ${count("open")} open, ${count("unproven")} unproven`;
  return `\n${renderTable(columns, lines, width)}\nAttacks: ${total}.\n`;
}

function renderSurvey(found: Survey, width: number | undefined): string {
  const facts = renderFacts([
    ["Platform", found.platform],
    ["State", found.home],
    ...(found.temporary.workspaces === 0 ? [] : [temporaryFact(found)]),
    ["Trial", `${found.trial.passed ? "OK" : "FAILED"} - ${found.trial.message}`],
  ]);
  const features = found.features.map(({ name, usable, note }) => [
    name,
    usable ? "yes" : "no",
    note,
  ]);
  const featureColumns = [{ title: "FEATURE" }, { title: "WORKS" }, { title: "", shrinkTo: 20 }];
  return [
    facts,
    ...(features.length === 0 ? [] : [renderTable(featureColumns, features, width)]),
    renderTable(coverageColumns, found.coverage.map(coverageRow), width),
    `${conclusion(found)}\n`,
  ].join("\n");
}

function conclusion({ ready, trial }: Survey): string {
  if (ready) return "Setup complete.";
  return trial.isBoxMade
    ? "Setup incomplete: `aegis run` needs --allow-weaker with the default policy here."
    : "Setup incomplete: `aegis run` can make no box here, with --allow-weaker neither.";
}

function temporaryFact({ temporary: { path, workspaces } }: Survey): [string, string] {
  const count = `${workspaces} workspace${workspaces === 1 ? "" : "s"}`;
  return ["Temporary", `${path}, of ${count}; removed when unused for ${temporaryKeptDays} days`];
}

function coverageRow({ protection, level, by, why }: CoverageRow): string[] {
  return [protection, level, why === "" ? by : why];
}

function setupReport(found: Survey): SetupReport {
  return {
    platform: found.platform,
    home: found.home,
    temporary: { ...found.temporary },
    features: found.features.map((feature) => ({ ...feature })),
    coverage: found.coverage.map((row) => ({ ...row })),
    trial: { passed: found.trial.passed, message: found.trial.message },
    ready: found.ready,
  };
}
