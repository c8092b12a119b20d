// Copying checked policies into a configuration.

import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { type ConfigEntry, loadConfig } from "../../config/config.ts";
import { replaceFile } from "../../config/files.ts";
import { privateDirectory } from "../../config/location.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import type { Surroundings } from "../surroundings.ts";
import { invalidPolicy } from "./compile.ts";
import { cedarFilesIn } from "./files.ts";
import { validatePolicy } from "./validate.ts";

export interface PolicyImported {
  readonly from: AbsPath;
  readonly to: AbsPath;
  readonly policyCount: number;
  readonly warnings: readonly string[];
}

/** @throws {AegisError} `policy/invalid`: then nothing was copied */
export async function importPolicy(
  around: Surroundings,
  entry: ConfigEntry,
  written: string,
): Promise<PolicyImported> {
  const from = resolvePath(around.directory, written);
  const { policyPaths } = loadConfig(entry, around.environment);
  const [to] = policyPaths;
  // A path, so that a file called like a template is what gets copied.
  const { sources, valid, policyCount, diagnostics } = await validatePolicy(around, from, false);
  if (!valid) throw invalidPolicy(diagnostics);
  if (sources.length === 0 || sources.some(({ kind }) => kind !== "cedar")) {
    throw new AegisError("policy/not-found", `Cannot import "${from}": there is no Cedar file`, {
      hint: "give a .cedar file, or a folder that holds some",
    });
  }
  privateDirectory(to);
  const before = cedarFilesIn(to) ?? [];
  const warnings = [];
  for (const { name, text } of sources) {
    const target = cedarName(name);
    if (before.includes(target)) warnings.push(`replaced ${target}`);
    replaceFile(resolvePath(to, target), text);
  }
  return { from, to, policyCount, warnings: [...warnings, ...(await shadowing(around, to))] };
}

/** A forbid of everything wins over every permit imported beside it. */
async function shadowing(around: Surroundings, folder: AbsPath): Promise<string[]> {
  const { sources } = await validatePolicy(around, folder, true);
  const blanket = sources.find(isBlanketForbid);
  if (blanket === undefined || sources.length < 2) return [];
  const name = blanket.name.slice(blanket.name.lastIndexOf("/") + 1);
  return [`${name} forbids everything, so no permit beside it has an effect`];
}

function isBlanketForbid({ text }: PolicySource): boolean {
  const code = text.replaceAll(/\/\/[^\n]*/g, "").replaceAll(/\s+/g, "");
  return code.includes("forbid(principal,action,resource);");
}

function cedarName(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.endsWith(".cedar") ? name : `${name}.cedar`;
}
