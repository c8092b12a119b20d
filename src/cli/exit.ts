// The one table from error code to exit status. Statuses of a launched command pass through
// untouched.

import type { ErrorCode } from "../base/errors.ts";

export const exitStatus = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** aegis could not do what was asked before the command ran. */
  launchFailed: 125,
  /** The command is there but may not or cannot be executed. */
  launchRefused: 126,
  launchNotFound: 127,
} as const;

/**
 * Launching commands keep the shell's own meanings apart from the statuses a command may return.
 */
export type CommandKind = "launch" | "plain";

const launchStatuses: Partial<Readonly<Record<ErrorCode, number>>> = {
  "launch/not-found": exitStatus.launchNotFound,
  "launch/refused": exitStatus.launchRefused,
};

export function exitStatusOf(code: ErrorCode, kind: CommandKind): number {
  if (code === "usage") return exitStatus.usage;
  if (kind === "plain") return exitStatus.failed;
  return launchStatuses[code] ?? exitStatus.launchFailed;
}
