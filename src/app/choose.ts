// Which configuration and which ledger a command means: what was named, else the active one, else
// the one used last.

import { AegisError } from "../base/errors.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";
import {
  type ConfigEntry,
  listConfigs,
  loadConfig,
  readCurrent,
  requireConfig,
} from "../config/config.ts";
import { isFile } from "../config/files.ts";
import { aegisPaths } from "../config/location.ts";
import { withLedger } from "./ledgers.ts";
import type { Surroundings } from "./surroundings.ts";

export interface LedgerChoice {
  readonly path: AbsPath;
  /** Undefined: the ledger of ad-hoc runs, or one named by its path. */
  readonly config: ConfigEntry | undefined;
  /** For headings: the configuration's name, else the file's. */
  readonly label: string;
}

/** @throws {AegisError} `config/not-found` when nothing is named, active or used */
export async function chooseConfig(
  around: Surroundings,
  name: string | undefined,
): Promise<ConfigEntry> {
  const paths = aegisPaths(around.environment);
  const named = name ?? readCurrent(paths);
  if (named !== undefined) return requireConfig(paths, named);
  const entry = (await usedLast(around))?.config ?? listConfigs(paths)[0];
  if (entry !== undefined) return entry;
  throw new AegisError("config/not-found", "Cannot choose a configuration: there is none", {
    hint: "make one with `aegis init NAME`, or watch a command with `aegis wrap -- CMD`",
  });
}

/** @throws {AegisError} `ledger/not-found` when a named file is not there */
export async function chooseLedger(
  around: Surroundings,
  wanted: { readonly name: string | undefined; readonly ledger: string | undefined },
): Promise<LedgerChoice> {
  const paths = aegisPaths(around.environment);
  if (wanted.ledger !== undefined) {
    const path = resolvePath(around.directory, wanted.ledger);
    if (isFile(path)) return { path, config: undefined, label: path };
    throw new AegisError("ledger/not-found", `Cannot read the ledger "${path}": no such file`, {
      hint: "give the path of a ledger.db or audit.db",
    });
  }
  const named = wanted.name ?? readCurrent(paths);
  if (named !== undefined) return ledgerOf(around, requireConfig(paths, named));
  return (await usedLast(around)) ?? adHocLedger(around);
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
  const paths = aegisPaths(around.environment);
  const choices = [adHocLedger(around)];
  for (const entry of listConfigs(paths)) choices.push(ledgerOf(around, entry));
  let best: { choice: LedgerChoice; openedUnixMs: number } | undefined;
  for (const choice of choices) {
    if (!isFile(choice.path)) continue;
    const [session] = await withLedger(around, choice.path, (ledger) =>
      ledger.sessions({ last: 1 }),
    );
    if (session !== undefined && session.openedUnixMs > (best?.openedUnixMs ?? -1))
      best = { choice, openedUnixMs: session.openedUnixMs };
  }
  return best?.choice;
}
