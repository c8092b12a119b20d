// The start of every command that reads a ledger: choose it, open it, close it whatever happens.

import { chooseLedger, type LedgerChoice } from "../app/config/choose.ts";
import {
  awaitLedger,
  rememberedEvents,
  withExistingLedger,
  withLedger,
  withPostgresLedger,
} from "../app/ledger/ledgers.ts";
import { isPostgresDsn, typedPassword } from "../app/ledger/postgres-dsn.ts";
import type { Ledger } from "../ledger/contract.ts";
import type { CliContext } from "./context.ts";
import { configFlag, eitherSpelling, ledgerFlag } from "./flags.ts";
import { newestIndex } from "./follow.ts";
import { writeErr } from "./output.ts";
import { escapeControls } from "./render/text.ts";

/** Flags of every command that reads a ledger. */
export const ledgerFlags = { config: configFlag, ledger: ledgerFlag } as const;

interface Wish {
  /** The operand, which `--config` may stand for. */
  readonly name?: string | undefined;
  /** A session that is asked about. */
  readonly session?: string | undefined;
  /** What comes in is wanted: without a session a ledger that is not there yet is waited for. */
  readonly follows?: boolean | undefined;
  readonly flags: { readonly config: string | undefined; readonly ledger: string | undefined };
}

/** What was read, for headings; no password is part of it. */
interface Shown {
  readonly path: string;
  readonly label: string;
  /** It was waited for: all that is in it is new. */
  readonly isNew: boolean;
}

type Read = (ledger: Ledger, shown: Shown) => Promise<number>;

/** A ledger that was never written reads as empty. */
export async function readLedger(context: CliContext, wish: Wish, read: Read): Promise<number> {
  if (isPostgres(wish)) return readPostgres(context, wish.flags.ledger, read);
  const choice = await choose(context, wish);
  // Asked first: what is written meanwhile is in the ledger before it is remembered.
  const remembered = rememberedEvents(context, choice.path);
  const isWaiting = wish.follows === true && wish.session === undefined && remembered === 0;
  const isNew = isWaiting && (await isAwaited(choice.path));
  return withLedger(context, choice.path, async (ledger) => {
    const found = (await newestIndex(ledger)) + 1;
    if (found < remembered) {
      const told = `"${choice.path}" has ${found} events, and had ${remembered}`;
      writeErr(`warning: ${escapeControls(told)}: run \`aegis audit verify\`\n`);
    }
    return read(ledger, { ...choice, isNew });
  });
}

function isAwaited(path: LedgerChoice["path"]): Promise<boolean> {
  return awaitLedger(path, () =>
    writeErr(`note: nothing is recorded yet; waiting for ${escapeControls(path)}\n`),
  );
}

/** @throws {AegisError} `ledger/not-found` when it was never written */
export async function useLedger(context: CliContext, wish: Wish, use: Read): Promise<number> {
  if (isPostgres(wish)) return readPostgres(context, wish.flags.ledger, use);
  const choice = await choose(context, wish);
  return withExistingLedger(context, choice.path, (ledger) =>
    use(ledger, { ...choice, isNew: false }),
  );
}

function isPostgres(wish: Wish): wish is Wish & { readonly flags: { readonly ledger: string } } {
  return wish.flags.ledger !== undefined && isPostgresDsn(wish.flags.ledger);
}

async function readPostgres(context: CliContext, dsn: string, read: Read): Promise<number> {
  for (const warning of typedPassword("--ledger", dsn)) writeErr(`warning: ${warning}\n`);
  return withPostgresLedger(context, dsn, (ledger, name) =>
    read(ledger, { path: name, label: name, isNew: false }),
  );
}

async function choose(context: CliContext, { name, session, flags }: Wish): Promise<LedgerChoice> {
  const { config, ledger } = flags;
  const wanted = eitherSpelling(name, "--config", config);
  const choice = await chooseLedger(context, { name: wanted, ledger, session });
  const { newer } = choice;
  if (newer !== undefined) {
    const how = newer.config === undefined ? `--ledger ${newer.path}` : `--config ${newer.label}`;
    const told = `this is ${choice.label}; there is something newer in ${newer.label}: ${how}`;
    writeErr(`note: ${escapeControls(told)}\n`);
  }
  return choice;
}
