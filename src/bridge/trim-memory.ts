// Gives memory back once a box runs and its supervisor has little to do: pages of the program that
// only starting needed, and what compiling a policy left behind. Linux; nothing depends on it.

import { readFileSync, readlinkSync } from "node:fs";
import { openLibrary } from "./library.ts";

const functions = { madvise: { args: ["u64", "u64", "i32"], returns: "i32" } } as const;
/** MADV_DONTNEED: code is read from its file again when it runs again. */
const dontNeed = 4;
const codeOf = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+ +(\/.*)$/;

/** Never throws: memory that cannot be given back is kept. */
export function trimMemory(): void {
  Bun.gc(true);
  try {
    const libc = openLibrary(functions);
    const program = readlinkSync("/proc/self/exe");
    for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
      const [, start = "", end = "", path] = codeOf.exec(line) ?? [];
      if (path !== program) continue;
      const from = Number.parseInt(start, 16);
      libc?.madvise(from, Number.parseInt(end, 16) - from, dontNeed);
    }
  } catch {
    // ignored: another C library or no /proc; everything works as before
  }
}
