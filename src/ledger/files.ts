// The few file operations that keys, head memory, databases and backups share: private directories,
// durable creation, whole reads and writes, and telling errors apart.

import { closeSync, constants, fsyncSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** What is added to a database's path to name the file that says a flush of its log failed. */
export const lostFlushSuffix = "-unflushed";

/** The same of all files that a database in SQLite may consist of. */
export const databaseSuffixes = ["", "-wal", "-shm", "-journal", lostFlushSuffix] as const;

/** Makes a directory and its missing parents, for their owner only. */
export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Makes an empty file for its owner only, durably; false when there is one already. */
export function createPrivateFile(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
  closeSync(fd);
  syncDirectory(dirname(path));
  return true;
}

/** Makes a created, linked or renamed name in the directory survive power loss. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** What is there of it. */
export function readAt(fd: number, at: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const more = readSync(fd, bytes, read, length - read, at + read);
    if (more === 0) break;
    read += more;
  }
  return bytes.subarray(0, read);
}

/** @param from absent: behind what was written to `fd` last */
export function writeWhole(fd: number, bytes: Uint8Array, from?: number): void {
  for (let at = 0; at < bytes.length; ) {
    const place = from === undefined ? null : from + at;
    at += writeSync(fd, bytes, at, bytes.length - at, place);
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
