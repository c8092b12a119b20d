// `aegis audit session`: one session in full. Both documented forms work: `NAME --id ID`, and `ID`
// with `--config NAME`.

import { findSession } from "../../../app/ledger/find-session.ts";
import { AegisError } from "../../../base/errors.ts";
import type { SessionDetails } from "../../../wire/entry.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { entryOf, renderEntries } from "../../query.ts";
import { ledgerFlags, readLedger } from "../../read-ledger.ts";
import { renderFacts } from "../../render/facts.ts";
import { jsonText } from "../../render/json.ts";
import { sessionFacts, sessionView, shownSession } from "../../render/session.ts";

export const command = defineCommand(
  {
    name: "audit session",
    summary: "Show one session and its entries, oldest first.",
    flags: {
      id: { kind: "text", value: "ID", summary: "The session, when NAME comes first" },
      last: {
        kind: "number",
        value: "N",
        min: 1,
        max: 1_000_000,
        default: 1000,
        summary: "Entries shown",
      },
      ...ledgerFlags,
      json: jsonFlag,
    },
    operands: {
      "ID|NAME": { required: false, summary: "The session; with --id the configuration" },
    },
    launches: false,
    examples: ["aegis audit session 7f1c2a90", "aegis audit session my-agent --id 7f1c2a90"],
  },
  async ({ flags, operands }, context) => {
    const operand = operands["ID|NAME"];
    const id = flags.id ?? operand;
    if (id === undefined) {
      throw new AegisError("usage", "Cannot show a session: its id is missing", {
        hint: "list the sessions with `aegis audit sessions`",
      });
    }
    const name = flags.id === undefined ? undefined : operand;
    return readLedger(context, { name, session: id, flags }, async (ledger, { path }) => {
      const session = await shownSession(ledger, await findSession(ledger, id));
      const found =
        session.purged === true
          ? { events: [], total: 0 }
          : await ledger.events({ session: session.id }, { limit: flags.last, offset: 0 });
      const events = [...found.events].reverse();
      if (flags.json) {
        const details: SessionDetails = {
          ledger: path,
          session: sessionView(session),
          entries: events.map(entryOf),
        };
        writeOut(jsonText(details));
        return 0;
      }
      const facts = renderFacts(sessionFacts(session));
      if (session.purged === true) {
        writeOut(facts);
        return 0;
      }
      writeOut(`${facts}\nEntries\n`);
      writeOut(renderEntries(events, context));
      if (found.total > events.length)
        writeOut(`Showing the newest ${events.length} of ${found.total} entries\n`);
      return 0;
    });
  },
);
