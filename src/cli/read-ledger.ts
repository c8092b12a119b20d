// The start of every command that reads a ledger: choose it, open it, close it whatever happens.

import { chooseLedger, type LedgerChoice } from "../app/choose.ts";
import { withLedger } from "../app/ledgers.ts";
import type { Ledger } from "../ledger/contract.ts";
import type { CliContext } from "./context.ts";
import { configFlag, ledgerFlag } from "./flags.ts";

/** Flags of every command that reads a ledger. */
export const ledgerFlags = { config: configFlag, ledger: ledgerFlag } as const;

interface LedgerFlags {
  readonly config: string | undefined;
  readonly ledger: string | undefined;
}

/** @param name the operand, which `--config` may stand for */
export async function readLedger(
  context: CliContext,
  wanted: { readonly name: string | undefined; readonly flags: LedgerFlags },
  read: (ledger: Ledger, choice: LedgerChoice) => Promise<number>,
): Promise<number> {
  const { name, flags } = wanted;
  const choice = await chooseLedger(context, {
    name: name ?? flags.config,
    ledger: flags.ledger,
  });
  return withLedger(context, choice.path, (ledger) => read(ledger, choice));
}
