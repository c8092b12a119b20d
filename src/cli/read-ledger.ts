// The start of every command that reads a ledger: choose it, open it, close it whatever happens.

import { chooseLedger, type LedgerChoice } from "../app/choose.ts";
import { withExistingLedger, withLedger } from "../app/ledgers.ts";
import type { Ledger } from "../ledger/contract.ts";
import type { CliContext } from "./context.ts";
import { configFlag, ledgerFlag } from "./flags.ts";

/** Flags of every command that reads a ledger. */
export const ledgerFlags = { config: configFlag, ledger: ledgerFlag } as const;

interface LedgerWish {
  /** The operand, which `--config` may stand for. */
  readonly name?: string | undefined;
  readonly flags: { readonly config: string | undefined; readonly ledger: string | undefined };
}

type Read = (ledger: Ledger, choice: LedgerChoice) => Promise<number>;

/** A ledger that was never written reads as empty. */
export async function readLedger(
  context: CliContext,
  wish: LedgerWish,
  read: Read,
): Promise<number> {
  const choice = await choose(context, wish);
  return withLedger(context, choice.path, (ledger) => read(ledger, choice));
}

/** @throws {AegisError} `ledger/not-found` when it was never written */
export async function useLedger(context: CliContext, wish: LedgerWish, use: Read): Promise<number> {
  const choice = await choose(context, wish);
  return withExistingLedger(context, choice.path, (ledger) => use(ledger, choice));
}

function choose(context: CliContext, { name, flags }: LedgerWish): Promise<LedgerChoice> {
  return chooseLedger(context, { name: name ?? flags.config, ledger: flags.ledger });
}
