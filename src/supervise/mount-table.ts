// The table of mounts of this process, which a box starts with.

import { readFileSync, statSync } from "node:fs";
import { type Mount, mountedTwice } from "../policy/other-mounts.ts";

const table = "/proc/self/mountinfo";

/** Empty where every file system is mounted once, or where the system has no such table. */
export function mountTable(): readonly Mount[] {
  if (statSync(table, { throwIfNoEntry: false }) === undefined) return [];
  return mountedTwice(readFileSync(table, "utf8"));
}
