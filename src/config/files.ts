// Reading and replacing small state files so that a reader sees the old text or the whole new one,
// also after power loss.

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { AegisError, withPath } from "../base/errors.ts";
import { uniqueSuffix } from "../base/ids.ts";
import { type AbsPath, parentOf } from "../base/paths.ts";

/** Read at a time of what may have no end. */
const pieceBytes = 64 * 1024;

/**
 * The text of a file, or undefined when there is none.
 * @throws {AegisError} `config/invalid` when it is not UTF-8: read otherwise, a name in it would be
 * another one, and what a policy forbids by it would stay open
 */
export function readIfPresent(path: string): string | undefined {
  try {
    return textOf(path, readFileSync(path));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw withPath(error, path);
  }
}

/**
 * As `readIfPresent`, of what somebody named: it may be a pipe, or have no end.
 * @throws {AegisError} `config/invalid` when it has more than `sizeMaxBytes`
 */
export function readWithin(path: string, sizeMaxBytes: number): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    return textOf(path, bytesWithin(path, fd, sizeMaxBytes));
  } catch (error) {
    if (isMissing(error)) return undefined;
    if ((error as NodeJS.ErrnoException).code !== "EISDIR") throw withPath(error, path);
    const message = `Cannot read "${path}": it is a folder`;
    throw new AegisError("config/invalid", message, { hint: "name a file" });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** @throws {AegisError} `config/invalid` */
export function bytesWithin(path: string, fd: number, sizeMaxBytes: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let size = 0; size <= sizeMaxBytes; ) {
    const piece = Buffer.allocUnsafe(pieceBytes);
    const read = readSync(fd, piece);
    if (read === 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, read));
    size += read;
  }
  const why = `it has more than ${sizeMaxBytes} bytes`;
  throw new AegisError("config/invalid", `Cannot read "${path}": ${why}`, {
    hint: "name a smaller file",
  });
}

function textOf(path: string, bytes: Uint8Array): string {
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
    throw withPath(error, path);
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
