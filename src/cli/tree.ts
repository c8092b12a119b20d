// The tree of commands as lazy thunks, and the help of its branches.

import type { Command } from "./command.ts";

/** @returns the exit status */
export async function runTree(_argv: readonly string[]): Promise<number> {
  const none: Command | undefined = undefined;
  return none === undefined ? 2 : 0;
}
