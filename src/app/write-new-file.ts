// A file a command makes where a person asked for it: never in place of another.

import { closeSync, fsyncSync, lstatSync, openSync, unlinkSync, writeSync } from "node:fs";
import { AegisError } from "../base/errors.ts";
import type { AbsPath } from "../base/paths.ts";

const usualHint = "remove it, or choose another name";

/**
 * Says so before any work is done for nothing.
 * @param hint what to do where there is something
 * @throws {AegisError} `config/exists`
 */
export function refuseExisting(path: AbsPath, hint = usualHint): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw exists(path, hint);
}

function exists(path: AbsPath, hint: string): AegisError {
  return new AegisError("config/exists", `Cannot write "${path}": it exists`, { hint });
}

/**
 * Durable when it returns, but for its name; where it fails there is no file.
 * @param hint as of `refuseExisting`
 * @throws {AegisError} `config/exists` when there is something of that name
 */
export function writeNewFile(path: AbsPath, text: string, hint = usualHint): void {
  let fd: number;
  try {
    fd = openSync(path, "wx", 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw exists(path, hint);
  }
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } catch (error) {
    // A part of it, or what never reaches the disk, would stand in the way of the next attempt.
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}
