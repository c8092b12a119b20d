// The Cedar files a configuration's policy consists of.

import { readdirSync } from "node:fs";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { isFile, isMissing } from "../../config/files.ts";

/**
 * Names of the `.cedar` files directly in a folder, sorted; undefined when there is no such folder.
 */
export function cedarFilesIn(folder: AbsPath): readonly string[] | undefined {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return names
    .filter((name) => name.endsWith(".cedar") && isFile(resolvePath(folder, name)))
    .sort();
}
