// `aegis log`: the newest entries, or those that come in.

import { defineCommand } from "../command.ts";
import { nameOperand } from "../flags.ts";
import { follow } from "../follow.ts";
import { writeOut } from "../output.ts";
import { entryPage, filterOf, renderEntries, sessionFlag } from "../query.ts";
import { ledgerFlags, readLedger } from "../read-ledger.ts";
import { jsonText } from "../render/json.ts";

export const command = defineCommand(
  {
    name: "log",
    summary: "Show what was recorded, newest first.",
    flags: {
      last: {
        kind: "number",
        value: "N",
        min: 1,
        max: 100_000,
        default: 20,
        summary: "How many entries",
      },
      session: sessionFlag,
      denied: { kind: "switch", summary: "Only what was denied" },
      follow: { kind: "switch", short: "f", summary: "Go on with what comes in, oldest first" },
      ...ledgerFlags,
      json: { kind: "switch", summary: "Print JSON; with --follow one entry a line" },
    },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis log claude --last 50", "aegis log --denied --follow"],
  },
  async ({ flags, operands }, context) =>
    readLedger(
      context,
      { name: operands.NAME, session: flags.session, follows: flags.follow, flags },
      async (ledger, { path, isNew }) => {
        const decision = flags.denied ? "deny" : undefined;
        const filter = await filterOf(ledger, { decision, session: flags.session });
        if (flags.follow)
          return follow(ledger, { filter, last: flags.last, isNew, json: flags.json, context });
        const page = await ledger.events(filter, { limit: flags.last, offset: 0 });
        if (flags.json) writeOut(jsonText(entryPage(path, page)));
        else if (page.events.length === 0) writeOut("No audit entries found.\n");
        else writeOut(renderEntries(page.events, context));
        return 0;
      },
    ),
);
