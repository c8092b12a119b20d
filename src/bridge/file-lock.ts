// A lock on an open file that ends with the process that holds it, however that ends: flock(2),
// which Bun has no name for.

import { openLibrary } from "./library.ts";

const functions = { flock: { args: ["i32", "i32"], returns: "i32" } } as const;

/** LOCK_EX | LOCK_NB */
const exclusiveNow = 0x2 | 0x4;
/** LOCK_SH | LOCK_NB */
const sharedNow = 0x1 | 0x4;

/** @returns false when another process has it, or when there is no such call */
export function lockFile(fd: number): boolean {
  return openLibrary(functions)?.flock(fd, exclusiveNow) === 0;
}

/** Several processes may share it; nobody has it alone meanwhile. @returns as above */
export function shareFile(fd: number): boolean {
  return openLibrary(functions)?.flock(fd, sharedNow) === 0;
}
