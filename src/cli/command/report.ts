// `aegis report`

import { collectReport } from "../../ledger/report/report.ts";
import { renderReport } from "../../ledger/report/text.ts";
import { defineCommand } from "../command.ts";
import { exitStatus } from "../exit.ts";
import { jsonFlag, nameOperand } from "../flags.ts";
import { writeOut } from "../output.ts";
import { ledgerFlags, readLedger } from "../read-ledger.ts";
import { jsonText } from "../render/json.ts";
import { escapeControls } from "../render/text.ts";

export const command = defineCommand(
  {
    name: "report",
    summary: "Report what a ledger evidences: counts, denials, policies, gaps, integrity.",
    flags: {
      format: {
        kind: "choice",
        choices: ["text", "json"],
        default: "text",
        summary: "Form of the output",
      },
      "strict-exit": { kind: "switch", summary: "Exit status 1 when the ledger is not valid" },
      ...ledgerFlags,
      json: jsonFlag,
    },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis report my-agent --format json"],
    notes: ["An invalid ledger is reported; the exit status is 0 unless --strict-exit is given."],
  },
  async ({ flags, operands }, context) =>
    readLedger(context, { name: operands.NAME, flags }, async (ledger, { label }) => {
      const report = await collectReport(ledger, label);
      const isJson = flags.json || flags.format === "json";
      writeOut(isJson ? jsonText(report) : renderReport(report, (text) => escapeControls(text)));
      const failed = flags["strict-exit"] && !report.integrity_valid;
      return failed ? exitStatus.failed : exitStatus.ok;
    }),
);
