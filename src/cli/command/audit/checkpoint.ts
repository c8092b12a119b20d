// `aegis audit checkpoint`: the signed head of the ledger, to be kept where the ledger is not.

import { defineCommand } from "../../command.ts";
import { jsonFlag, nameOperand } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { ledgerFlags, useLedger } from "../../read-ledger.ts";
import { jsonText } from "../../render/json.ts";

export const command = defineCommand(
  {
    name: "audit checkpoint",
    summary: "Sign and print a checkpoint over the whole ledger (C2SP signed note).",
    flags: { ...ledgerFlags, json: jsonFlag },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis audit checkpoint my-agent > head.note"],
  },
  async ({ flags, operands }, context) =>
    useLedger(context, { name: operands.NAME, flags }, async (ledger) => {
      const checkpoint = await ledger.checkpoint();
      writeOut(flags.json ? jsonText(checkpoint) : checkpoint.note);
      return 0;
    }),
);
