// Asks macOS itself whether it takes a profile, by running a program that does nothing under it.

import { AegisError } from "../../base/errors.ts";
import type { SeatbeltMachine } from "./machine.ts";
import { literal, type ProfileText, renderProfile, type SbplRule, withLastRule } from "./sbpl.ts";

const trialTimeoutMs = 10_000;
/**
 * sysexits.h: usage, a profile that cannot be read, a system call that failed (nested sandbox,
 * execvp).
 */
const refusedStatuses: readonly (number | null)[] = [64, 65, 71];
const messageMaxChars = 300;

/**
 * Why the machine refuses the profile, undefined when it takes it. How the program then fares does
 * not matter: a policy may well keep it from starting.
 * @throws {AegisError} `enforce/unsupported` when there is no sandbox-exec
 */
export async function tryProfile(
  { sandboxExec, trialProgram }: SeatbeltMachine,
  profile: ProfileText,
): Promise<string | undefined> {
  const rule: SbplRule = {
    effect: "allow",
    operations: ["process-exec*"],
    filter: literal(trialProgram),
    message: undefined,
    comment: "",
  };
  const text = renderProfile(withLastRule(profile, rule), "trial", 1);
  const child = startTrial([sandboxExec, "-p", text, "--", trialProgram]);
  const [stderr, status] = await Promise.all([child.stderr.text(), child.exited]);
  if (!refusedStatuses.includes(status)) return undefined;
  return stderr.trim().slice(0, messageMaxChars) || `status ${status}`;
}

function startTrial(command: readonly [string, ...string[]]) {
  try {
    return Bun.spawn([...command], {
      cwd: "/",
      env: {},
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      timeout: trialTimeoutMs,
      killSignal: "SIGKILL",
    });
  } catch (cause) {
    throw new AegisError("enforce/unsupported", `Cannot start "${command[0]}": it does not run`, {
      hint: "confinement on macOS needs the system's own sandbox-exec",
      cause,
    });
  }
}
