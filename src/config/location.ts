// Where aegis keeps its state. Pure but for `privateDirectory`, which makes a folder that only its
// owner can enter. The environment is the caller's: AEGIS_HOME and HOME are trusted as the person's
// own choice, but must be absolute.

import { mkdirSync, type Stats, statSync } from "node:fs";
import { hasLoneBytes } from "../base/byte-text.ts";
import { AegisError } from "../base/errors.ts";
import { type AbsPath, absPath, resolvePath } from "../base/paths.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything below AEGIS_HOME that is not one configuration's own. */
export interface AegisPaths {
  readonly home: AbsPath;
  /** Ledger of ad-hoc runs. */
  readonly ledger: AbsPath;
  /** Signing keys and the remembered heads of ledgers. */
  readonly keys: AbsPath;
  readonly planCache: AbsPath;
  /** Holds the name of the active configuration. */
  readonly current: AbsPath;
  /** Configurations made by `wrap`. */
  readonly wraps: AbsPath;
  /** A folder for each launch that is running, with what is meant for its box. */
  readonly running: AbsPath;
}

/** The files of one named configuration. */
export interface ConfigPaths {
  readonly directory: AbsPath;
  readonly file: AbsPath;
  readonly policies: AbsPath;
  readonly ledger: AbsPath;
  readonly sandbox: AbsPath;
}

/** @throws {AegisError} `config/invalid` when neither AEGIS_HOME nor HOME gives an absolute path */
export function aegisHome(environment: Environment): AbsPath {
  const named = environment.AEGIS_HOME;
  if (named === undefined || named === "") return resolvePath(userHome(environment), ".aegis");
  requireText("AEGIS_HOME", named);
  const home = absPath(named);
  if (home !== undefined && home !== "/") return home;
  throw new AegisError("config/invalid", `Cannot use AEGIS_HOME "${named}": it is no folder path`, {
    hint: "set AEGIS_HOME to an absolute path such as /home/me/.aegis",
  });
}

/**
 * The person's home folder. @throws {AegisError} `config/invalid` when HOME is unset or relative
 */
export function userHome(environment: Environment): AbsPath {
  const named = environment.HOME ?? "";
  requireText("HOME", named);
  const home = absPath(named);
  if (home !== undefined) return home;
  throw new AegisError(
    "config/invalid",
    "Cannot find the home folder: HOME is not an absolute path",
    {
      hint: "set HOME, or set AEGIS_HOME to the folder that shall hold the ledger",
    },
  );
}

/** Its spelling would be the name of another folder. */
function requireText(variable: string, value: string): void {
  if (!hasLoneBytes(value)) return;
  throw new AegisError("config/invalid", `Cannot use ${variable}: it names no folder in UTF-8`, {
    hint: `set ${variable} to a path that is UTF-8 and has no U+FFFD in it`,
  });
}

export function aegisPaths(environment: Environment): AegisPaths {
  const home = aegisHome(environment);
  return {
    home,
    ledger: resolvePath(home, "ledger.db"),
    keys: resolvePath(home, "keys"),
    planCache: resolvePath(home, "cache/plans"),
    current: resolvePath(home, "current"),
    wraps: resolvePath(home, "wraps"),
    running: resolvePath(home, "run"),
  };
}

export function configPaths(directory: AbsPath): ConfigPaths {
  return {
    directory,
    file: resolvePath(directory, "aegis.toml"),
    policies: resolvePath(directory, "policies"),
    ledger: resolvePath(directory, "audit.db"),
    sandbox: resolvePath(directory, "sandbox"),
  };
}

/**
 * Makes the folder and its missing parents, enterable by the owner only. One that others may write
 * to is refused, not tightened: whoever can replace a policy or a ledger there decides what an
 * agent may do, and AEGIS_HOME may be shared.
 * @throws {AegisError} `config/invalid`
 */
export function privateDirectory(directory: AbsPath): void {
  let found: Stats;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    found = statSync(directory);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AegisError("config/invalid", `Cannot use the folder "${directory}": ${why}`, {
      hint: "make it a folder you may write to, or set AEGIS_HOME to another one",
      cause,
    });
  }
  const self = process.getuid?.() ?? 0;
  const trusted = found.uid === self || found.uid === 0 || self === 0;
  if (trusted && (found.mode & 0o022) === 0) return;
  const why = trusted ? "other users may write to it" : "it belongs to another user";
  throw new AegisError("config/invalid", `Cannot trust the folder "${directory}": ${why}`, {
    hint: trusted ? `run \`chmod go-w ${directory}\`` : "set AEGIS_HOME to a folder of your own",
  });
}

/**
 * A ledger that is named by its file.
 * @throws {AegisError} `usage` for an address: read as a path it would make folders, and one of
 * them would be named after the password in it
 */
export function ledgerFile(directory: AbsPath, text: string): AbsPath {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return resolvePath(directory, text);
  throw new AegisError("usage", "Cannot use that ledger here: it is an address, and no file", {
    hint: "`log`, `report`, `audit`, `backup` and `restore` take a ledger in PostgreSQL, `serve --dsn` and `aegisd --dsn` record in one",
  });
}
