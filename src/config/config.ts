// Named configurations on disk: reading, listing, making and choosing them. Every name is checked
// before it becomes part of a path. Which ledger a command reads is decided in app/, because that
// needs the ledgers themselves.

import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { AegisError } from "../base/errors.ts";
import { uniqueSuffix } from "../base/ids.ts";
import { type AbsPath, absPath, resolvePath } from "../base/paths.ts";
import type { LimitWish } from "../model/limits.ts";
import {
  isFile,
  isMissing,
  readIfPresent,
  readWithin,
  replaceFile,
  syncDirectory,
} from "./files.ts";
import {
  type AegisPaths,
  type ConfigPaths,
  configPaths,
  type Environment,
  privateDirectory,
  userHome,
} from "./location.ts";
import { isConfigName, requireConfigName } from "./name.ts";
import { decodeConfigFile, type Isolation, type NetworkRule, type Observer } from "./schema.ts";
import { readToml } from "./toml.ts";

/** Of the file with the name of the active configuration; names are shorter. */
const nameFileMaxBytes = 1024;

/** - `init`: made by a person; `wrap`: made by `aegis wrap` on first use. */
export type ConfigKind = "init" | "wrap";

/** Where a configuration is, whether or not its file can be read. */
export interface ConfigEntry {
  readonly name: string;
  readonly kind: ConfigKind;
  readonly paths: ConfigPaths;
}

export interface Config extends ConfigEntry {
  /** Cedar principal: `name` in the file. */
  readonly agent: string;
  readonly sandbox: AbsPath;
  readonly policyPaths: readonly [AbsPath, ...AbsPath[]];
  readonly schemaPath: AbsPath | undefined;
  readonly ledger: AbsPath;
  readonly allowedNetwork: readonly NetworkRule[];
  readonly isolation: Isolation;
  readonly observer: Observer;
  readonly limits: readonly LimitWish[];
  readonly unused: readonly string[];
}

/** Every configuration with a file, `init` ones first, each group by name. */
export function listConfigs(paths: AegisPaths): readonly ConfigEntry[] {
  return [...entriesIn(paths.home, "init"), ...entriesIn(paths.wraps, "wrap")];
}

/**
 * The place of a name, or undefined when no configuration has it. @throws {AegisError} on an
 * invalid name
 */
export function findConfig(paths: AegisPaths, name: string): ConfigEntry | undefined {
  requireConfigName(name);
  for (const kind of ["init", "wrap"] as const) {
    const entry = entryOf(paths, name, kind);
    if (isFile(entry.paths.file)) return entry;
  }
  return undefined;
}

/** As `findConfig`. @throws {AegisError} `config/not-found` */
export function requireConfig(paths: AegisPaths, name: string): ConfigEntry {
  const entry = findConfig(paths, name);
  if (entry !== undefined) return entry;
  throw notFound(paths, name);
}

/**
 * Where a configuration of this name and kind is or would be. @throws {AegisError} on an invalid
 * name
 */
export function entryOf(paths: AegisPaths, name: string, kind: ConfigKind): ConfigEntry {
  const parent = kind === "init" ? paths.home : paths.wraps;
  return { name, kind, paths: configPaths(resolvePath(parent, requireConfigName(name))) };
}

/**
 * @throws {AegisError} `config/invalid` naming every wrong key with its line, `config/not-found`
 */
export function loadConfig(entry: ConfigEntry, environment: Environment): Config {
  const content = readIfPresent(entry.paths.file);
  if (content === undefined)
    throw new AegisError("config/not-found", `Cannot read "${entry.paths.file}": no such file`);
  return parseConfig(entry, content, environment);
}

/** The configuration that `content` would give; checks an edit before it replaces the file. */
export function parseConfig(entry: ConfigEntry, content: string, environment: Environment): Config {
  const file = readToml(entry.paths.file, content, decodeConfigFile);
  const path = (key: string, written: string) => expand(entry, key, written, environment);
  const [first, ...others] = file.policyPaths.map((written) => path("policy_paths", written));
  return {
    ...entry,
    agent: requireConfigName(file.name),
    sandbox: path("sandbox_dir", file.sandboxDir),
    policyPaths: [first ?? entry.paths.policies, ...others],
    schemaPath: file.schemaPath === undefined ? undefined : path("schema_path", file.schemaPath),
    ledger: path("ledger_path", file.ledgerPath),
    allowedNetwork: file.allowedNetwork,
    isolation: file.isolation,
    observer: file.observer,
    // The source names the file, because that is where a person lifts it.
    limits: file.limits.map((wish) => ({ ...wish, source: `[limits] of ${entry.paths.file}` })),
    unused: file.unused,
  };
}

/** What a new configuration holds besides its name. */
export interface NewConfig {
  /** Undefined: a folder of the configuration's own. */
  readonly sandbox: AbsPath | undefined;
  readonly isolation: "Kernel" | "Process";
  /** Text of `policies/default.cedar`. */
  readonly policy: string;
}

/** Makes the folder with all its files, or nothing. @throws {AegisError} `config/exists` */
export function createConfig(paths: AegisPaths, entry: ConfigEntry, content: NewConfig): void {
  const { directory } = entry.paths;
  const parent = entry.kind === "init" ? paths.home : paths.wraps;
  privateDirectory(paths.home);
  privateDirectory(parent);
  if (lstatSync(directory, { throwIfNoEntry: false }) !== undefined) {
    throw new AegisError(
      "config/exists",
      `Cannot make "${entry.name}": the configuration directory already exists at ${directory}`,
      { hint: "choose another name, or remove that folder" },
    );
  }
  const building = configPaths(resolvePath(parent, `.new-${uniqueSuffix()}`));
  try {
    for (const path of [building.directory, building.policies]) mkdirSync(path, { mode: 0o700 });
    if (content.sandbox === undefined) mkdirSync(building.sandbox, { mode: 0o700 });
    replaceFile(resolvePath(building.policies, "default.cedar"), content.policy);
    replaceFile(building.file, configText(entry, content));
    renameSync(building.directory, directory);
  } catch (error) {
    rmSync(building.directory, { recursive: true, force: true });
    throw error;
  }
  syncDirectory(parent);
}

/**
 * The name in `current`, or undefined when none was chosen.
 * @throws {AegisError} `config/invalid` when the file holds anything else
 */
export function readCurrent(paths: AegisPaths): string | undefined {
  try {
    const name = readWithin(paths.current, nameFileMaxBytes)?.trim() ?? "";
    return name === "" ? undefined : requireConfigName(name);
  } catch (cause) {
    if (cause instanceof AegisError) throw unusableCurrent(paths, cause.message);
    throw cause;
  }
}

/** As `readCurrent`, where it is. @throws {AegisError} also when there is no such configuration */
export function currentConfig(paths: AegisPaths): ConfigEntry | undefined {
  const name = readCurrent(paths);
  if (name === undefined) return undefined;
  const entry = findConfig(paths, name);
  if (entry !== undefined) return entry;
  throw unusableCurrent(paths, `there is no configuration "${name}"`);
}

function unusableCurrent(paths: AegisPaths, why: string): AegisError {
  const names = [...new Set(listConfigs(paths).map(({ name }) => name))].join(", ");
  return new AegisError("config/invalid", `Cannot use "${paths.current}": ${why}`, {
    hint: names === "" ? "remove that file" : `choose one of ${names} with \`aegis use NAME\``,
  });
}

/** Makes `name` the active configuration. @throws {AegisError} `config/not-found` */
export function writeCurrent(paths: AegisPaths, name: string): void {
  requireConfig(paths, name);
  replaceFile(paths.current, `${name}\n`);
}

function entriesIn(parent: AbsPath, kind: ConfigKind): ConfigEntry[] {
  const found: ConfigEntry[] = [];
  for (const name of namesIn(parent).sort()) {
    if (!isConfigName(name)) continue;
    const entry = { name, kind, paths: configPaths(resolvePath(parent, name)) };
    if (isFile(entry.paths.file)) found.push(entry);
  }
  return found;
}

function namesIn(parent: AbsPath): string[] {
  try {
    return readdirSync(parent);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function expand(
  entry: ConfigEntry,
  key: string,
  written: string,
  environment: Environment,
): AbsPath {
  const home = written === "~" || written.startsWith("~/") ? userHome(environment) : "";
  const path = absPath(home === "" ? written : `${home}${written.slice(1)}`);
  if (path !== undefined) return path;
  throw new AegisError(
    "config/invalid",
    `Cannot use ${key} = "${written}" in ${entry.paths.file}: it is not an absolute path`,
    { hint: "write a path that begins with / or ~/" },
  );
}

function configText(entry: ConfigEntry, content: NewConfig): string {
  const values = {
    name: entry.name,
    sandbox_dir: content.sandbox ?? entry.paths.sandbox,
    policy_paths: [entry.paths.policies],
    ledger_path: entry.paths.ledger,
    allowed_network: [],
    isolation: content.isolation,
    observer: { FsEvents: { enable_snapshots: true } },
  };
  return Bun.TOML.stringify(values);
}

function notFound(paths: AegisPaths, name: string): AegisError {
  const known = listConfigs(paths).map((entry) => entry.name);
  return new AegisError("config/not-found", `configuration "${name}" not found`, {
    hint:
      known.length === 0
        ? `there is none yet; run \`aegis init ${name}\``
        : `there are: ${known.join(", ")}`,
  });
}
