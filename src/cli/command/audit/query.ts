// `aegis audit query`: entries by filter, page by page.

import { AegisError } from "../../../base/errors.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag, nameOperand } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { entryPage, filterFlags, filterOf, renderEntries } from "../../query.ts";
import { ledgerFlags, readLedger } from "../../read-ledger.ts";
import { jsonText } from "../../render/json.ts";

const pageSizeDefault = 20;

export const command = defineCommand(
  {
    name: "audit query",
    summary: "Find entries by time, action, decision, agent, session or text.",
    flags: {
      last: {
        kind: "number",
        value: "N",
        min: 1,
        max: 1_000_000,
        summary: "Only the newest N that match, on one page",
      },
      ...filterFlags,
      page: { kind: "number", value: "N", min: 1, max: 1_000_000, default: 1, summary: "Page" },
      "page-size": {
        kind: "number",
        value: "N",
        min: 1,
        max: 10_000,
        default: pageSizeDefault,
        summary: "Entries on a page",
      },
      ...ledgerFlags,
      json: jsonFlag,
    },
    operands: { NAME: nameOperand },
    launches: false,
    examples: [
      "aegis audit query my-agent --action FileWrite --decision deny",
      "aegis audit query --from 2026-03-01T09:00:00Z --search .env",
    ],
  },
  async ({ flags, operands }, context) => {
    if (flags.last !== undefined && (flags.page !== 1 || flags["page-size"] !== pageSizeDefault)) {
      throw new AegisError("usage", "Cannot show the newest entries by pages", {
        hint: "give --last, or --page with --page-size",
      });
    }
    return readLedger(
      context,
      { name: operands.NAME, session: flags.session, flags },
      async (ledger, { path }) => {
        const { last, page, "page-size": pageSize } = flags;
        const filter = await filterOf(ledger, flags);
        const offset = last === undefined ? (page - 1) * pageSize : 0;
        const found = await ledger.events(filter, { limit: last ?? pageSize, offset });
        if (flags.json) {
          writeOut(jsonText(entryPage(path, found)));
          return 0;
        }
        if (found.total === 0) {
          const matching = Object.keys(filter).length === 0 ? "" : " matching";
          writeOut(`No${matching} audit entries found.\n`);
          return 0;
        }
        writeOut(found.events.length === 0 ? "" : renderEntries(found.events, context));
        const end = offset + found.events.length;
        const part = found.events.length === 0 ? "none" : `${offset + 1}-${end}`;
        const of = `of ${found.total} entries`;
        const which = last === undefined ? ` (page ${page})` : "";
        writeOut(`Showing ${part} ${of}${which}\n`);
        return 0;
      },
    );
  },
);
