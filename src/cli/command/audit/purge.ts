// `aegis audit purge`: the entries of old sessions taken out, with a signed entry that says so.

import { durationMs, purge, purgeScope } from "../../../app/ledger/purge.ts";
import { AegisError } from "../../../base/errors.ts";
import type { PurgeScope } from "../../../ledger/contract.ts";
import type { PurgedLedger } from "../../../wire/entry.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { jsonFlag } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { ledgerFlags, useLedger } from "../../read-ledger.ts";
import { jsonText } from "../../render/json.ts";

export const command = defineCommand(
  {
    name: "audit purge",
    summary: "Remove the entries of ended sessions that are older than DUR.",
    flags: {
      confirm: { kind: "switch", summary: "Do it; without, only what would go is said" },
      ...ledgerFlags,
      json: jsonFlag,
    },
    operands: {
      DUR: { required: true, summary: "Age in days, hours or minutes: 90d, 12h, 30m" },
    },
    launches: false,
    examples: ["aegis audit purge 90d --config my-agent --confirm"],
    notes: [
      "A session goes as a whole, with its command, folder and tag, once it has ended and all its entries are older. Sessions without an end, and those that say what was purged, stay.",
      "A client says itself when its entries were made, so its session goes only where aegis has begun a session of its own after it, and that is older as well. With --confirm this command begins one where there is none: run it regularly.",
      "What stays of each entry is its place in the tree, so that `aegis audit verify`, checkpoints and receipts of other entries hold. Exit status 2 without --confirm where something would go.",
    ],
  },
  async ({ flags, operands }, context) => {
    const age = operands.DUR;
    // Before any ledger is looked for.
    durationMs(age);
    return useLedger(context, { flags }, async (ledger, { path, label }) => {
      if (!flags.confirm) {
        const scope = await purgeScope(ledger, age, context);
        if (scope.sessionCount > 0) throw unconfirmed(scope, label);
      }
      const done = flags.confirm ? await purge(ledger, age, context) : nothing;
      const report = await ledger.verify();
      const purged: PurgedLedger = {
        ledger: path,
        purged_sessions: done.sessionCount,
        purged_entries: done.eventCount,
        session_id: done.recorded?.session ?? null,
        valid: report.valid,
        checkpoint: report.checkpoint === undefined ? null : { ...report.checkpoint },
      };
      if (flags.json) writeOut(jsonText(purged));
      else {
        const text = done.sessionCount === 0 ? "Nothing to purge" : `Purged ${scopeText(done)}`;
        const state = report.valid ? "valid" : "INVALID: run `aegis audit verify`";
        writeOut(`${text}: ${label}, older than ${age}\n`);
        if (done.sessionCount === 0 && done.recorded !== undefined) {
          writeOut(`Dated: what clients recorded up to now can be purged once this is older\n`);
        }
        writeOut(`Integrity: ${state}, ${report.eventCount} entries, ${report.purged} purged\n`);
      }
      return report.valid ? exitStatus.ok : exitStatus.failed;
    });
  },
);

const nothing = { sessionCount: 0, eventCount: 0, recorded: undefined };

function scopeText({ sessionCount, eventCount }: PurgeScope): string {
  return `${sessionCount} session(s) with ${eventCount} entries`;
}

function unconfirmed(scope: PurgeScope, label: string): AegisError {
  const message = `Cannot purge ${label} without --confirm: ${scopeText(scope)} would go`;
  return new AegisError("usage", message, {
    hint: "say it again with --confirm; only a backup brings them back",
  });
}
