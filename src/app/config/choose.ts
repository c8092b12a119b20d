// Which configuration and which ledger a command means: what was named, else the active one, else
// the one used last.

import { AegisError } from "../../base/errors.ts";
import type { AbsPath } from "../../base/paths.ts";
import {
  type ConfigEntry,
  currentConfig,
  listConfigs,
  loadConfig,
  requireConfig,
} from "../../config/config.ts";
import { isFile } from "../../config/files.ts";
import { aegisPaths, ledgerFile } from "../../config/location.ts";
import type { Ledger } from "../../ledger/contract.ts";
import { hasSession } from "../ledger/find-session.ts";
import { withLedger } from "../ledger/ledgers.ts";
import type { Surroundings } from "../surroundings.ts";

export interface LedgerChoice {
  readonly path: AbsPath;
  /** Undefined: the ledger of ad-hoc runs, or one named by its path. */
  readonly config: ConfigEntry | undefined;
  /** For headings: the configuration's name, else the file's. */
  readonly label: string;
  /**
   * Another ledger was written later than the active one, which was taken because none was named.
   */
  readonly newer?: LedgerChoice;
}

/** @throws {AegisError} `config/not-found` when nothing is named, active or used */
export async function chooseConfig(
  around: Surroundings,
  name: string | undefined,
): Promise<ConfigEntry> {
  const paths = aegisPaths(around.environment);
  if (name !== undefined) return requireConfig(paths, name);
  const entry = currentConfig(paths) ?? (await usedLast(around))?.config ?? listConfigs(paths)[0];
  if (entry !== undefined) return entry;
  throw new AegisError("config/not-found", "Cannot choose a configuration: there is none", {
    hint: "make one with `aegis init NAME`, or watch a command with `aegis wrap -- CMD`",
  });
}

export interface LedgerWish {
  /** Configuration. */
  readonly name: string | undefined;
  /** Path. */
  readonly ledger: string | undefined;
  /** A session it must hold, when neither is given: ids are unique over all ledgers. */
  readonly session: string | undefined;
}

/** @throws {AegisError} `ledger/not-found` when a named file is not there */
export async function chooseLedger(around: Surroundings, wish: LedgerWish): Promise<LedgerChoice> {
  if (wish.ledger !== undefined) {
    const path = ledgerFile(around.directory, wish.ledger);
    if (isFile(path)) return { path, config: undefined, label: path };
    throw new AegisError("ledger/not-found", `Cannot read the ledger "${path}": no such file`, {
      hint: "give the path of a ledger.db or audit.db",
    });
  }
  const paths = aegisPaths(around.environment);
  if (wish.name !== undefined) return ledgerOf(around, requireConfig(paths, wish.name));
  const holding = wish.session === undefined ? undefined : await holdingOf(around, wish.session);
  if (holding !== undefined) return holding;
  const current = currentConfig(paths);
  const last = await usedLast(around);
  if (current === undefined) return last ?? adHocLedger(around);
  const choice = ledgerOf(around, current);
  return last === undefined || last.path === choice.path ? choice : { ...choice, newer: last };
}

function adHocLedger(around: Surroundings): LedgerChoice {
  const { ledger } = aegisPaths(around.environment);
  return { path: ledger, config: undefined, label: "ad-hoc runs" };
}

function ledgerOf(around: Surroundings, config: ConfigEntry): LedgerChoice {
  const { ledger } = loadConfig(config, around.environment);
  return { path: ledger, config, label: config.name };
}

/** The ledger with the session that started last, over all configurations and ad-hoc runs. */
async function usedLast(around: Surroundings): Promise<LedgerChoice | undefined> {
  let best: { choice: LedgerChoice; openedUnixMs: number } | undefined;
  await eachLedger(around, async (ledger, choice) => {
    const [session] = await ledger.sessions({ last: 1 });
    if (session !== undefined && session.openedUnixMs > (best?.openedUnixMs ?? -1))
      best = { choice, openedUnixMs: session.openedUnixMs };
  });
  return best?.choice;
}

async function holdingOf(around: Surroundings, session: string): Promise<LedgerChoice | undefined> {
  let holding: LedgerChoice | undefined;
  await eachLedger(around, async (ledger, choice) => {
    if (holding === undefined && (await hasSession(ledger, session))) holding = choice;
  });
  return holding;
}

/**
 * Asks every ledger that can be read, of ad-hoc runs first. One that cannot is left out: it says
 * why when it is named.
 */
async function eachLedger(
  around: Surroundings,
  ask: (ledger: Ledger, choice: LedgerChoice) => Promise<void>,
): Promise<void> {
  const entries = listConfigs(aegisPaths(around.environment));
  const choices = [
    () => adHocLedger(around),
    ...entries.map((each) => () => ledgerOf(around, each)),
  ];
  for (const choose of choices) {
    try {
      const choice = choose();
      if (isFile(choice.path))
        await withLedger(around, choice.path, (ledger) => ask(ledger, choice));
    } catch (error) {
      // ignored: one that is broken, and says why when it is named
      if (!(error instanceof AegisError)) throw error;
    }
  }
}
