// Reading a file that holds a secret. Whoever owns its folder may put anything there, so what is
// checked is what is read.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import type { AbsPath } from "../base/paths.ts";

/**
 * The text of a file that its owner alone may read.
 * @param refused makes what is thrown of the reason
 */
export function readSecretFile(path: AbsPath, refused: (why: string) => Error): string {
  let fd: number;
  try {
    // A pipe in its place would be waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : String(cause));
  }
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw refused("it is no file");
    if ((found.mode & 0o077) !== 0) throw refused("others may read or write it");
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
