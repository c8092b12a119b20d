// The C library of this machine, whichever of the known ones it is.

import { dlopen, type FFIFunction, type Library } from "bun:ffi";

const names = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** Undefined where none of them loads, as elsewhere than on Linux. */
export function openLibrary<const Functions extends Record<string, FFIFunction>>(
  functions: Functions,
): Library<Functions>["symbols"] | undefined {
  for (const name of names) {
    try {
      return dlopen(name, functions).symbols;
    } catch {
      // ignored: the next one is tried
    }
  }
  return undefined;
}
