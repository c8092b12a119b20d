// Reading and replacing small state files so that a reader sees the old text or the whole new one,
// also after power loss.

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { AegisError } from "../base/errors.ts";
import { uniqueSuffix } from "../base/ids.ts";
import { type AbsPath, parentOf } from "../base/paths.ts";

/**
 * The text of a file, or undefined when there is none.
 * @throws {AegisError} `config/invalid` when it is not UTF-8: read otherwise, a name in it would be
 * another one, and what a policy forbids by it would stay open
 */
export function readIfPresent(path: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new AegisError("config/invalid", `Cannot read "${path}": it is not UTF-8`, {
      hint: "save it as UTF-8",
      cause,
    });
  }
}

/**
 * Replaces `path`, mode 0600, durable when it returns. The folder must be the owner's alone: see
 * `privateDirectory`.
 */
export function replaceFile(path: AbsPath, content: string): void {
  const temporary = `${path}.${uniqueSuffix()}`;
  const fd = openSync(temporary, "wx", 0o600);
  try {
    writeWhole(fd, Buffer.from(content));
    renameSync(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
  syncDirectory(parentOf(path));
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  try {
    let written = 0;
    while (written < bytes.length) written += writeSync(fd, bytes, written);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes renames and new names in a folder survive power loss. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * True for a regular file, also through a link; false for everything else, also when nothing is
 * there.
 */
export function isFile(path: string): boolean {
  return statsOf(path)?.isFile() ?? false;
}

export function isDirectory(path: string): boolean {
  return statsOf(path)?.isDirectory() ?? false;
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR";
}
