// `aegis backup` and `aegis restore`: which ledger, which file, and the folder its keys are in.

import { readFileSync, statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { loadConfig, requireConfig } from "../../config/config.ts";
import { isFile } from "../../config/files.ts";
import { aegisPaths, ledgerFile, privateDirectory } from "../../config/location.ts";
import { type Backup, type BackupSource, makeBackup } from "../../ledger/backup/backup.ts";
import { inSqlite } from "../../ledger/backup/in-sqlite.ts";
import { type Restored, type RestoreTarget, restoreBackup } from "../../ledger/backup/restore.ts";
import type { Surroundings } from "../surroundings.ts";
import { refuseExisting } from "../write-new-file.ts";
import { isPostgresDsn, postgresPlace } from "./postgres-dsn.ts";

/** Neither: the ledger of ad-hoc runs and of `aegis serve`. */
export interface BackedUpLedger {
  /** A file, or `postgres://…`. */
  readonly ledger: string | undefined;
  readonly config: string | undefined;
}

export interface BackupWish extends BackedUpLedger {
  /** A file that is not there, or a folder that is. */
  readonly target: string;
  readonly withKey: boolean;
}

export interface MadeBackup extends Backup {
  /** Without a password. */
  readonly ledger: string;
  readonly file: AbsPath;
}

/** @throws {AegisError} and then there is no backup */
export async function backUp(wish: BackupWish, around: Surroundings): Promise<MadeBackup> {
  const source = await sourceOf(wish, around);
  const nowUnixMs = around.clock.nowUnixMs();
  const file = fileOf(resolvePath(around.directory, wish.target), nowUnixMs);
  refuseExisting(file);
  const opened = await throughKeys(around);
  const options = { target: file, withKey: wish.withKey, nowUnixMs, opened };
  return { ...(await makeBackup(source, options)), ledger: source.name, file };
}

/** Undefined where there are no keys: what is encrypted is verified by its place alone. */
async function throughKeys({ environment, directory }: Surroundings) {
  const file = environment.AEGIS_PAYLOAD_KEYS;
  if (file === undefined || file === "") return undefined;
  const { readingSnapshot } = await import("../serve/payload-keys.ts");
  return readingSnapshot(resolvePath(directory, file));
}

async function sourceOf(wish: BackedUpLedger, around: Surroundings): Promise<BackupSource> {
  if (isPostgres(wish)) return inDatabase(wish.ledger, around);
  const database = ledgerOf(wish, around);
  if (!isFile(database)) {
    throw new AegisError("ledger/not-found", `Cannot back up "${database}": no such ledger`, {
      hint: "record something first, or name the ledger with --ledger or --config",
    });
  }
  return inSqlite({ database, keys: aegisPaths(around.environment).keys });
}

export interface RestoreWish extends BackedUpLedger {
  readonly file: string;
  /** File with a published checkpoint. */
  readonly checkpoint: string | undefined;
  readonly acceptOlder: boolean;
  readonly withoutKey: boolean;
}

export interface RestoredLedger extends Restored {
  /** Without a password. */
  readonly ledger: string;
  readonly file: AbsPath;
}

/** @throws {AegisError} and then nothing was restored */
export async function restore(wish: RestoreWish, around: Surroundings): Promise<RestoredLedger> {
  const { home } = aegisPaths(around.environment);
  const file = resolvePath(around.directory, wish.file);
  if (!isFile(file)) {
    throw new AegisError("config/not-found", `Cannot restore "${file}": no such file`);
  }
  privateDirectory(home);
  const target = await targetOf(wish, around);
  const { checkpoint, acceptOlder, withoutKey } = wish;
  const restored = await restoreBackup(target, {
    backup: file,
    checkpoint:
      checkpoint === undefined
        ? undefined
        : readFileSync(resolvePath(around.directory, checkpoint), "utf8"),
    acceptOlder,
    withoutKey,
    nowUnixMs: around.clock.nowUnixMs(),
    opened: await throughKeys(around),
  });
  return { ...restored, ledger: target.name, file };
}

async function targetOf(wish: BackedUpLedger, around: Surroundings): Promise<RestoreTarget> {
  if (isPostgres(wish)) return inDatabase(wish.ledger, around);
  const database = ledgerOf(wish, around);
  return inSqlite({ database, keys: aegisPaths(around.environment).keys });
}

function isPostgres(wish: BackedUpLedger): wish is BackedUpLedger & { readonly ledger: string } {
  return wish.ledger !== undefined && isPostgresDsn(wish.ledger);
}

/** Loaded only where it is asked for: it brings a client of PostgreSQL. */
async function inDatabase(
  dsn: string,
  { environment, directory }: Surroundings,
): Promise<BackupSource & RestoreTarget> {
  const { inPostgres } = await import("../../ledger/backup/in-postgres.ts");
  const { home, keys } = aegisPaths(environment);
  return inPostgres(postgresPlace(dsn, environment, directory), keys, resolvePath(home, "restore"));
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
