// What launches that were killed left in the folder where each has its own: removed after a day,
// but for the layers of a dry run that was being committed, which are all there is of the rest.

import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { leftoverAgeMinMs } from "../base/limits.ts";
import { type AbsPath, parentOf, resolvePath } from "../base/paths.ts";
import { isMissing } from "../config/files.ts";
import { removeTree } from "./remove-tree.ts";

/** In the folder of a launch: a commit has begun, and this is what it is to change. */
export const changesListName = "changes.json";

/** Makes the folder when it is not there. */
export function removeLeftovers(folder: AbsPath, nowUnixMs: number): void {
  for (const name of namesIn(folder)) {
    const path = resolvePath(folder, name);
    const madeUnixMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? nowUnixMs;
    if (nowUnixMs - madeUnixMs < leftoverAgeMinMs || isRunning(Number.parseInt(name, 10))) continue;
    if (existsSync(`${path}/${changesListName}`)) keep(folder, name);
    else removeTree(path);
  }
}

/** Beside the folder of running launches: nothing there is removed by itself. */
function keep(folder: AbsPath, name: string): void {
  const kept = resolvePath(parentOf(folder), "kept");
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  renameSync(resolvePath(folder, name), resolvePath(kept, name));
}

function namesIn(folder: AbsPath): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (!isMissing(error)) throw error;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // ignored: no such process is the answer; one of another user is running
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
