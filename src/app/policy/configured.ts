// The folders of policies that a configuration names. One that is missing or empty denies
// everything; one that cannot be read is an error, because nobody knows what it forbids. A box
// cannot write them: they are protected as aegis' own or lie outside of it.

import { statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import type { Config } from "../../config/config.ts";
import { cedarFilesIn } from "./files.ts";

export interface ConfiguredFiles {
  /** Sorted by name within each folder. */
  readonly paths: readonly AbsPath[];
  /** A folder is not there: what it would forbid is not known, so everything is. */
  readonly isMissing: boolean;
  /** Why everything is denied, each with what would change it. */
  readonly warnings: readonly string[];
}

/** @throws {AegisError} `config/invalid` for what is no folder or cannot be read */
export function configuredFiles({ name, policyPaths }: Config): ConfiguredFiles {
  const folders = policyPaths.map((path) => ({ path, files: filesIn(path) }));
  const paths = folders.flatMap(({ files }) => files ?? []);
  const missing = folders.filter(({ files }) => files === undefined);
  const [own] = policyPaths;
  const fill = `\`aegis policy import FILE --config ${name}\``;
  const warnings = missing.map(({ path }) => {
    const remedy = path === own ? `make it with ${fill}` : "make it, or take it out of aegis.toml";
    return `there is no policy folder "${path}", so everything is denied; ${remedy}`;
  });
  if (paths.length === 0 && missing.length === 0)
    warnings.push(`there is no .cedar file in "${own}", so everything is denied; add one: ${fill}`);
  return { paths, isMissing: missing.length > 0, warnings };
}

/** Undefined when nothing is there. */
function filesIn(folder: AbsPath): readonly AbsPath[] | undefined {
  try {
    const names = cedarFilesIn(folder);
    if (names !== undefined) return names.map((name) => resolvePath(folder, name));
    statSync(folder);
  } catch (error) {
    if (error instanceof AegisError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unreadable(folder, error);
  }
  throw unreadable(folder, new Error("it is no folder"));
}

function unreadable(folder: AbsPath, error: unknown): AegisError {
  const why = error instanceof Error ? error.message : String(error);
  return new AegisError("config/invalid", `Cannot read the policy folder "${folder}": ${why}`, {
    hint: "policy_paths in aegis.toml has to name folders that you may read",
  });
}
