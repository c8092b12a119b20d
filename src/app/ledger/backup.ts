// `aegis backup` and `aegis restore`: which ledger, which file, and the folder its keys are in.

import { readFileSync, statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { loadConfig, requireConfig } from "../../config/config.ts";
import { isFile } from "../../config/files.ts";
import { aegisPaths, ledgerFile, privateDirectory } from "../../config/location.ts";
import { type Backup, makeBackup } from "../../ledger/backup/backup.ts";
import { type Restored, restoreBackup } from "../../ledger/backup/restore.ts";
import type { Surroundings } from "../surroundings.ts";
import { refuseExisting } from "../write-new-file.ts";

/** Neither: the ledger of ad-hoc runs and of `aegis serve`. */
export interface BackedUpLedger {
  readonly ledger: string | undefined;
  readonly config: string | undefined;
}

export interface BackupWish extends BackedUpLedger {
  /** A file that is not there, or a folder that is. */
  readonly target: string;
  readonly withKey: boolean;
}

export interface MadeBackup extends Backup {
  readonly ledger: AbsPath;
  readonly file: AbsPath;
}

/** @throws {AegisError} and then there is no backup */
export async function backUp(wish: BackupWish, around: Surroundings): Promise<MadeBackup> {
  const database = ledgerOf(wish, around);
  if (!isFile(database)) {
    throw new AegisError("ledger/not-found", `Cannot back up "${database}": no such ledger`, {
      hint: "record something first, or name the ledger with --ledger or --config",
    });
  }
  const nowUnixMs = around.clock.nowUnixMs();
  const file = fileOf(resolvePath(around.directory, wish.target), nowUnixMs);
  refuseExisting(file);
  const { keys } = aegisPaths(around.environment);
  const options = { target: file, withKey: wish.withKey, nowUnixMs };
  return { ...(await makeBackup({ database, keys }, options)), ledger: database, file };
}

export interface RestoreWish extends BackedUpLedger {
  readonly file: string;
  /** File with a published checkpoint. */
  readonly checkpoint: string | undefined;
  readonly acceptOlder: boolean;
  readonly withoutKey: boolean;
}

export interface RestoredLedger extends Restored {
  readonly ledger: AbsPath;
  readonly file: AbsPath;
}

/** @throws {AegisError} and then nothing was restored */
export async function restore(wish: RestoreWish, around: Surroundings): Promise<RestoredLedger> {
  const { home, keys } = aegisPaths(around.environment);
  const file = resolvePath(around.directory, wish.file);
  if (!isFile(file)) {
    throw new AegisError("config/not-found", `Cannot restore "${file}": no such file`);
  }
  privateDirectory(home);
  const database = ledgerOf(wish, around);
  const { checkpoint, acceptOlder, withoutKey } = wish;
  const restored = await restoreBackup(
    { database, keys },
    {
      backup: file,
      checkpoint:
        checkpoint === undefined
          ? undefined
          : readFileSync(resolvePath(around.directory, checkpoint), "utf8"),
      acceptOlder,
      withoutKey,
    },
  );
  return { ...restored, ledger: database, file };
}

function ledgerOf({ ledger, config }: BackedUpLedger, around: Surroundings): AbsPath {
  const paths = aegisPaths(around.environment);
  if (ledger !== undefined) return ledgerFile(around.directory, ledger);
  if (config === undefined) return paths.ledger;
  return loadConfig(requireConfig(paths, config), around.environment).ledger;
}

/** In a folder backups are named by the moment they are made. */
function fileOf(target: AbsPath, nowUnixMs: number): AbsPath {
  if (statSync(target, { throwIfNoEntry: false })?.isDirectory() !== true) return target;
  const moment = new Date(nowUnixMs).toISOString().replace(/[-:]/g, "");
  return resolvePath(target, `aegis-${moment}.backup`);
}
