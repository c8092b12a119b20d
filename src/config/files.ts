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
import { uniqueSuffix } from "../base/ids.ts";
import { type AbsPath, parentOf } from "../base/paths.ts";

/** The text of a file, or undefined when there is none. */
export function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
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
