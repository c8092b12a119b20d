// `aegis audit prove`: a receipt for one entry that anybody can check without the ledger.

import { findKeptSession } from "../../../app/ledger/find-session.ts";
import { AegisError } from "../../../base/errors.ts";
import type { EntryProof } from "../../../wire/entry.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { ledgerFlags, useLedger } from "../../read-ledger.ts";
import { jsonText } from "../../render/json.ts";

export const command = defineCommand(
  {
    name: "audit prove",
    summary:
      "Print a signed receipt for one entry (C2SP tlog-proof), checkable without the ledger.",
    flags: { ...ledgerFlags, json: jsonFlag },
    operands: { ENTRY: { required: true, summary: "Entry id as shown by `aegis log`" } },
    launches: false,
    examples: ["aegis audit prove 7f1c2a90:12 > entry.tlog-proof"],
    notes: ["--json also has the bytes that were hashed and the key to check the signature with."],
  },
  async ({ flags, operands }, context) => {
    const [piece, seq] = entryParts(operands.ENTRY);
    return useLedger(context, { session: piece, flags }, async (ledger) => {
      const session = await findKeptSession(ledger, piece);
      const index = await ledger.indexOf(session.id, seq);
      if (index === undefined)
        throw new AegisError("ledger/not-found", `entry "${operands.ENTRY}" not found`);
      const proof = await ledger.prove(index);
      if (!flags.json) {
        writeOut(proof.receipt);
        return 0;
      }
      const view: EntryProof = {
        index: proof.index,
        body: proof.body,
        checkpoint: proof.checkpoint,
        hashes: [...proof.hashes],
        receipt: proof.receipt,
        verifier_key: await ledger.verifierKey(),
      };
      writeOut(jsonText(view));
      return 0;
    });
  },
);

/** Session and number of an entry id. */
function entryParts(entry: string): readonly [string, number] {
  const [, piece, seq] = /^([0-9a-fA-F-]+):([0-9]{1,15})$/.exec(entry) ?? [];
  if (piece !== undefined) return [piece, Number(seq)];
  throw new AegisError("usage", `Cannot prove "${entry}": it is no entry id`, {
    hint: "give one as `aegis log` shows it, for instance 7f1c2a90:12",
  });
}
