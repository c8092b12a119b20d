// Reading a file that holds a secret. Whoever owns its folder may put anything there, so what is
// checked is what is read.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { secretFileMaxBytes } from "../base/limits.ts";

/** Makes what is thrown of a reason. */
type Refused = (why: string) => Error;

/** The text of a file that its owner alone may read. */
export function readSecretFile(path: string, refused: Refused): string {
  const bytes = readSecretIfPresent(path, refused);
  if (bytes === undefined) throw refused("it is not there");
  return bytes.toString();
}

/** The same, byte for byte; undefined where there is nothing. */
export function readSecretIfPresent(path: string, refused: Refused): Buffer | undefined {
  const fd = opened(path, refused);
  if (fd === undefined) return undefined;
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw refused("it is no file");
    if ((found.mode & 0o077) !== 0) throw refused("others may read or write it");
    if (found.size > secretFileMaxBytes) throw refused("it is too large");
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function opened(path: string, refused: Refused): number | undefined {
  try {
    // A pipe in its place would be waited for.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw refused(cause instanceof Error ? cause.message : String(cause));
  }
}
