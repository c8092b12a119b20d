// Processes as /proc lists them, for tests that look at a box from outside.

import { readdirSync, readFileSync } from "node:fs";

export function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => statOf(name)[1] === String(pid))
    .map(Number);
}

/** A process that has ended, but was not waited for, is not running. */
export function isRunning(pid: number): boolean {
  const [state = "Z"] = statOf(String(pid));
  return state !== "Z" && state !== "X";
}

/** State, parent and what follows; empty when there is no such process. */
function statOf(pid: string): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    // ignored: it ended while the list was read
    return [];
  }
}
