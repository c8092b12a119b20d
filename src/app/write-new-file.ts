// A file a command makes where a person asked for it: never in place of another.

import { closeSync, fsyncSync, lstatSync, openSync, writeSync } from "node:fs";
import { AegisError } from "../base/errors.ts";
import type { AbsPath } from "../base/paths.ts";

/** Says so before any work is done for nothing. @throws {AegisError} `config/exists` */
export function refuseExisting(path: AbsPath): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw exists(path);
}

function exists(path: AbsPath): AegisError {
  return new AegisError("config/exists", `Cannot write "${path}": it exists`, {
    hint: "remove it, or choose another name",
  });
}

/** @throws {AegisError} `config/exists` when there is something of that name */
export function writeNewFile(path: AbsPath, text: string): void {
  let fd: number;
  try {
    fd = openSync(path, "wx", 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw exists(path);
  }
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
