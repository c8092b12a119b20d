// `aegis diff`

import { findKeptSession } from "../../app/ledger/find-session.ts";
import { collectDiff, renderDiff } from "../../ledger/report/diff.ts";
import { defineCommand } from "../command.ts";
import { jsonFlag } from "../flags.ts";
import { writeOut } from "../output.ts";
import { ledgerFlags, readLedger } from "../read-ledger.ts";
import { jsonText } from "../render/json.ts";
import { escapeControls } from "../render/text.ts";

export const command = defineCommand(
  {
    name: "diff",
    summary: "Compare what two sessions touched.",
    flags: { ...ledgerFlags, json: jsonFlag },
    operands: {
      SESSION1: { required: true, summary: "Session; its id or the end of it" },
      SESSION2: { required: true, summary: "Session of the same ledger" },
    },
    launches: false,
    examples: ["aegis diff 7f1c2a90 2b9e0c11"],
  },
  async ({ flags, operands }, context) =>
    readLedger(context, { session: operands.SESSION1, flags }, async (ledger) => {
      const a = await findKeptSession(ledger, operands.SESSION1);
      const b = await findKeptSession(ledger, operands.SESSION2);
      const diff = await collectDiff(ledger, a, b);
      writeOut(flags.json ? jsonText(diff) : renderDiff(diff, (text) => escapeControls(text)));
      return 0;
    }),
);
