// The one thing about terminals that Bun has no call for: forgetting what was typed, or answered by
// the terminal itself, before a question was asked. Linux. Who calls owns the descriptor.

import { dlopen } from "bun:ffi";

const functions = { tcflush: { args: ["i32", "i32"], returns: "i32" } } as const;
/** TCIFLUSH */
const inputQueue = 0;

/** False where that cannot be done: no answer can be trusted then. */
export function forgetInput(fd: number): boolean {
  for (const name of ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"]) {
    try {
      return dlopen(name, functions).symbols.tcflush(fd, inputQueue) === 0;
    } catch {
      // ignored: the next one is tried
    }
  }
  return false;
}
