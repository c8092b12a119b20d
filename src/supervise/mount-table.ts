// The table of mounts of this process, which a box starts with.

import { readFileSync, statSync } from "node:fs";

const table = "/proc/self/mountinfo";

/** Empty where the system has no such table. */
export function mountTable(): string {
  if (statSync(table, { throwIfNoEntry: false }) === undefined) return "";
  return readFileSync(table, "utf8");
}
