// `aegis audit sessions`

import type { SessionList } from "../../../wire/entry.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag, nameOperand } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { ledgerFlags, readLedger } from "../../read-ledger.ts";
import { jsonText } from "../../render/json.ts";
import { sessionColumns, sessionRow, sessionView, shownSession } from "../../render/session.ts";
import { renderTable } from "../../render/table.ts";
import { tableWidth } from "../../width.ts";

export const command = defineCommand(
  {
    name: "audit sessions",
    summary: "List sessions, newest first.",
    flags: {
      last: {
        kind: "number",
        value: "N",
        min: 1,
        max: 1_000_000,
        default: 10,
        summary: "How many",
      },
      ...ledgerFlags,
      json: jsonFlag,
    },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis audit sessions my-agent"],
  },
  async ({ flags, operands }, context) =>
    readLedger(context, { name: operands.NAME, flags }, async (ledger, { path }) => {
      const found = await ledger.sessions({ last: flags.last });
      const sessions = await Promise.all(found.map((one) => shownSession(ledger, one)));
      const list: SessionList = { ledger: path, sessions: sessions.map(sessionView) };
      const width = tableWidth(context.environment);
      if (flags.json) writeOut(jsonText(list));
      else if (sessions.length === 0) writeOut("No sessions found.\n");
      else writeOut(renderTable(sessionColumns, sessions.map(sessionRow), width));
      return 0;
    }),
);
