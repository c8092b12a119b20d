// `aegis audit watch`: entries as they come in.

import { defineCommand } from "../../command.ts";
import { nameOperand } from "../../flags.ts";
import { follow } from "../../follow.ts";
import { decisionFlag, filterOf, sessionFlag } from "../../query.ts";
import { ledgerFlags, readLedger } from "../../read-ledger.ts";

export const command = defineCommand(
  {
    name: "audit watch",
    summary: "Print entries as they come in, until interrupted.",
    flags: {
      decision: decisionFlag,
      session: sessionFlag,
      ...ledgerFlags,
      json: { kind: "switch", summary: "Print one JSON entry a line" },
    },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis audit watch my-agent --decision deny"],
  },
  async ({ flags, operands }, context) =>
    readLedger(
      context,
      { name: operands.NAME, session: flags.session, follows: true, flags },
      async (ledger, { isNew }) => {
        const filter = await filterOf(ledger, flags);
        return follow(ledger, { filter, last: 0, isNew, json: flags.json, context });
      },
    ),
);
