// `aegis audit tag`: a label put on a session afterwards; recorded as an event of its own.

import { findSession } from "../../../app/ledger/find-session.ts";
import type { TaggedSession } from "../../../wire/entry.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { ledgerFlags, useLedger } from "../../read-ledger.ts";
import { shortSession } from "../../render/entry.ts";
import { jsonText } from "../../render/json.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "audit tag",
    summary: "Label a session.",
    flags: { ...ledgerFlags, json: jsonFlag },
    operands: {
      ID: { required: true, summary: "The session; its id or the end of it" },
      TAG: { required: true, summary: "The label" },
    },
    launches: false,
    examples: ['aegis audit tag 7f1c2a90 "release 2"'],
  },
  async ({ flags, operands }, context) =>
    useLedger(context, { session: operands.ID, flags }, async (ledger) => {
      const { id } = await findSession(ledger, operands.ID);
      await ledger.tag(id, operands.TAG, context.clock.nowUnixMs());
      const tagged: TaggedSession = { session_id: id, tag: operands.TAG };
      const text = `Session ...${shortSession(id)} tagged: ${escapeControls(operands.TAG)}\n`;
      writeOut(flags.json ? jsonText(tagged) : text);
      return 0;
    }),
);
