// The one thing about terminals that Bun has no call for: forgetting what was typed, or answered by
// the terminal itself, before a question was asked. Linux. Who calls owns the descriptor.

import { openLibrary } from "./library.ts";

const functions = { tcflush: { args: ["i32", "i32"], returns: "i32" } } as const;
/** TCIFLUSH */
const inputQueue = 0;

/** False where that cannot be done: no answer can be trusted then. */
export function forgetInput(fd: number): boolean {
  return openLibrary(functions)?.tcflush(fd, inputQueue) === 0;
}
