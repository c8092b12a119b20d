// `aegis audit policy-history`: the texts sessions ran under, newest first.

import type { Ledger, PolicyLoad } from "../../../ledger/contract.ts";
import type { PolicyHistory } from "../../../wire/entry.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag, nameOperand } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { ledgerFlags, readLedger } from "../../read-ledger.ts";
import { shortSession } from "../../render/entry.ts";
import { jsonText } from "../../render/json.ts";
import { renderTable } from "../../render/table.ts";
import { fullTime, isoTime } from "../../render/time.ts";
import { tableWidth } from "../../width.ts";

export const command = defineCommand(
  {
    name: "audit policy-history",
    summary: "Show when the policy changed; --json has the texts.",
    flags: {
      last: { kind: "number", value: "N", min: 1, max: 10_000, default: 10, summary: "How many" },
      ...ledgerFlags,
      json: jsonFlag,
    },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis audit policy-history my-agent"],
  },
  async ({ flags, operands }, context) =>
    readLedger(context, { name: operands.NAME, flags }, async (ledger, { path }) => {
      const history = await historyOf(ledger, flags.last);
      if (flags.json) {
        const policies = history.map(({ snapshot, tsUnixMs, session, agent }) => ({
          hash: snapshot.hash,
          timestamp: isoTime(tsUnixMs),
          session_id: session,
          agent,
          sources: snapshot.sources.map(({ kind, name, text }) => ({ kind, name, text })),
        }));
        const view: PolicyHistory = { ledger: path, policies };
        writeOut(jsonText(view));
        return 0;
      }
      if (history.length === 0) {
        writeOut("No policy snapshots found.\n");
        return 0;
      }
      const columns = [
        { title: "SNAPSHOT ID" },
        { title: "TIMESTAMP" },
        { title: "SESSION" },
        { title: "AGENT" },
        { title: "FILES", shrinkTo: 16 },
      ];
      const rows = history.map(({ snapshot, tsUnixMs, session, agent }) => [
        snapshot.hash.slice(0, 16),
        fullTime(tsUnixMs),
        shortSession(session),
        agent,
        snapshot.sources.map(({ name }) => name).join(" "),
      ]);
      writeOut(renderTable(columns, rows, tableWidth(context.environment)));
      return 0;
    }),
);

/** Each agent has a history of its own: the same policy after itself is of another one. */
async function historyOf(
  ledger: Ledger,
  last: number,
): Promise<readonly (PolicyLoad & { readonly agent: string })[]> {
  const loads = await ledger.policyHistory(last);
  return Promise.all(
    loads.map(async (load) => ({
      ...load,
      agent: (await ledger.session(load.session))?.name ?? "",
    })),
  );
}
