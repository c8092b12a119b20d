// The health of one configuration: what is there, whether it can be read, whether its ledger
// verifies. Nothing here throws for a part that is broken; the part says so.

import { statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import type { AbsPath } from "../../base/paths.ts";
import { type Config, entryOf, findConfig, loadConfig } from "../../config/config.ts";
import { isDirectory, isFile } from "../../config/files.ts";
import { aegisPaths, type ConfigPaths } from "../../config/location.ts";
import type { SessionRecord } from "../../ledger/contract.ts";
import { withLedger } from "../ledger/ledgers.ts";
import { configuredFiles } from "../policy/configured.ts";
import type { Surroundings } from "../surroundings.ts";

export interface LedgerHealth {
  readonly path: AbsPath;
  /** Undefined: there is no file yet. */
  readonly sizeBytes: number | undefined;
  /** Undefined: not looked into, for lack of a file or because of `problem`. */
  readonly content:
    | {
        readonly entries: number;
        readonly valid: boolean;
        readonly message: string;
        readonly sessions: readonly SessionRecord[];
      }
    | undefined;
  readonly problem: string | undefined;
}

export interface ConfigHealth {
  readonly name: string;
  readonly paths: ConfigPaths;
  readonly hasDirectory: boolean;
  readonly file: "OK" | "MISSING" | "INVALID";
  readonly problem: string | undefined;
  /** Undefined when there is no file that can be read. */
  readonly config: Config | undefined;
  readonly policyFiles: number;
  /** Why the folders of policies cannot be read. */
  readonly policyProblem: string | undefined;
  readonly hasSandbox: boolean;
  readonly ledger: LedgerHealth | undefined;
}

/** @throws {AegisError} only on an invalid name */
export async function configHealth(around: Surroundings, name: string): Promise<ConfigHealth> {
  const paths = aegisPaths(around.environment);
  const entry = findConfig(paths, name) ?? entryOf(paths, name, "init");
  const noPolicy = { policyFiles: 0, policyProblem: undefined };
  const nothing = { ...noPolicy, hasSandbox: false, config: undefined, ledger: undefined };
  const base = { name, paths: entry.paths, hasDirectory: isDirectory(entry.paths.directory) };
  let config: Config;
  try {
    config = loadConfig(entry, around.environment);
  } catch (error) {
    const missing = error instanceof AegisError && error.code === "config/not-found";
    const file = missing ? "MISSING" : "INVALID";
    return { ...base, ...nothing, file, problem: messageOf(error) };
  }
  return {
    ...base,
    file: "OK",
    problem: undefined,
    config,
    ...policyHealth(config),
    hasSandbox: isDirectory(config.sandbox),
    ledger: await ledgerHealth(around, config.ledger),
  };
}

function policyHealth(config: Config): Pick<ConfigHealth, "policyFiles" | "policyProblem"> {
  try {
    return { policyFiles: configuredFiles(config).paths.length, policyProblem: undefined };
  } catch (error) {
    return { policyFiles: 0, policyProblem: messageOf(error) };
  }
}

async function ledgerHealth(around: Surroundings, path: AbsPath): Promise<LedgerHealth> {
  const sizeBytes = isFile(path) ? statSync(path).size : undefined;
  if (sizeBytes === undefined) return { path, sizeBytes, content: undefined, problem: undefined };
  try {
    const content = await withLedger(around, path, async (ledger) => {
      const report = await ledger.verify();
      const sessions = await ledger.sessions({ last: Number.MAX_SAFE_INTEGER });
      const message = report.findings[0]?.message ?? "";
      return { entries: report.eventCount - report.purged, valid: report.valid, message, sessions };
    });
    return { path, sizeBytes, content, problem: undefined };
  } catch (error) {
    return { path, sizeBytes, content: undefined, problem: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
