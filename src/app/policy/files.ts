// The Cedar files a configuration's policy consists of.

import { readdirSync, statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { isFile, isMissing } from "../../config/files.ts";

/**
 * Names of the `.cedar` files directly in a folder, sorted; undefined when there is no such folder.
 * @throws {AegisError} `config/invalid` for one that is no file: passed over, what it was meant to
 * forbid would be open
 */
export function cedarFilesIn(folder: AbsPath): readonly string[] | undefined {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const files = names.filter((name) => name.endsWith(".cedar")).sort();
  for (const name of files) requireFile(resolvePath(folder, name));
  return files;
}

function requireFile(path: AbsPath): void {
  if (isFile(path)) return;
  const found = statSync(path, { throwIfNoEntry: false });
  const why = found === undefined ? "it leads to nothing" : "it is no file";
  throw new AegisError("config/invalid", `Cannot read the policy "${path}": ${why}`, {
    hint: "put it right, or take it out of the folder",
  });
}
