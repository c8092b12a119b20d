// One question at a time at a terminal that several launches share: they would all read the next
// key, and a yes to what is shown last would be one to something else.

import { closeSync, constants, openSync } from "node:fs";
import { askLookMs, askTimeoutMs } from "../base/limits.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";
import { lockFile } from "../bridge/file-lock.ts";
import { privateDirectory } from "../config/location.ts";

export interface Turn {
  end(): void;
}

/**
 * Waits until no other launch of this account asks at the terminal.
 * @param folder of this account alone; the box cannot open what is in it
 * @param terminal the kernel's number of it
 * @returns undefined when `signal` came first, or the others took too long
 */
export async function takeTurn(
  folder: AbsPath,
  terminal: number,
  signal: AbortSignal,
): Promise<Turn | undefined> {
  privateDirectory(folder);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  const fd = openSync(resolvePath(folder, String(terminal)), flags, 0o600);
  for (let waited = 0; !signal.aborted && waited < askTimeoutMs; waited += askLookMs) {
    if (lockFile(fd)) return { end: () => closeSync(fd) };
    await Bun.sleep(askLookMs);
  }
  closeSync(fd);
  return undefined;
}
