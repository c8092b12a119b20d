// The few calls of the C library that Bun has no name for: files that exist in memory only. Who
// calls owns the descriptors.

import { type Library, ptr } from "bun:ffi";
import { AegisError } from "../base/errors.ts";
import { openLibrary } from "./library.ts";

const functions = {
  memfd_create: { args: ["ptr", "u32"], returns: "i32" },
  write: { args: ["i32", "ptr", "u64"], returns: "i64" },
  lseek: { args: ["i32", "i64", "i32"], returns: "i64" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  _exit: { args: ["i32"], returns: "void" },
} as const;

export type Libc = Library<typeof functions>["symbols"];

/** @throws {AegisError} `enforce/helper` where none of the known C libraries is */
export function openLibc(): Libc {
  const symbols = openLibrary(functions);
  if (symbols !== undefined) return symbols;
  throw new AegisError("enforce/helper", "Cannot reach the C library: none that is known loads");
}

/**
 * MFD_CLOEXEC | MFD_ALLOW_SEALING, and MFD_EXEC, which kernels before 6.3 neither know nor need.
 */
const plainFlags = 0x3;
const executableFlags = 0x13;
const getSeals = 1034;
const addSeals = 1033;
const sealSealShrinkGrowWrite = 0x1 | 0x2 | 0x4 | 0x8;
const sealExec = 0x20;

/**
 * A memory file that holds `content`, positioned at its start; undefined when the kernel refuses.
 */
export function createMemfd(libc: Libc, content: Uint8Array): number | undefined {
  return fill(libc, create(libc, plainFlags), content);
}

/**
 * The same, sealed for ever and executable; undefined when the machine does not allow that
 * (`vm.memfd_noexec`).
 */
export function createProgram(libc: Libc, content: Uint8Array): number | undefined {
  const created = create(libc, executableFlags);
  const fd = fill(libc, created < 0 ? create(libc, plainFlags) : created, content);
  if (fd === undefined) return undefined;
  const isSealed = libc.fcntl(fd, addSeals, sealSealShrinkGrowWrite) === 0;
  if (isSealed && (libc.fcntl(fd, getSeals, 0) & sealExec) === 0) return fd;
  libc.close(fd);
  return undefined;
}

/**
 * The same file under a number that no child's own descriptors take: a child is given those before
 * it executes /proc/self/fd/N. The old number is closed.
 */
export function moveAside(libc: Libc, fd: number): number {
  const moved = libc.fcntl(fd, duplicateCloseOnExec, asideMin);
  if (moved < 0) return fd;
  libc.close(fd);
  return moved;
}

const duplicateCloseOnExec = 1030;
const asideMin = 32;

function create(libc: Libc, flags: number): number {
  return libc.memfd_create(ptr(new Uint8Array([97, 101, 103, 105, 115, 0])), flags);
}

function fill(libc: Libc, fd: number, content: Uint8Array): number | undefined {
  if (fd < 0) return undefined;
  if (Number(libc.write(fd, ptr(content), content.length)) === content.length) {
    libc.lseek(fd, 0, 0);
    return fd;
  }
  libc.close(fd);
  return undefined;
}
