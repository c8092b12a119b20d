// From argv to an exit status. `run` and `wrap` go straight to their module, so that a launch loads
// no command-line library; every other command is found in the tree. Everything thrown ends here as
// `error:` and `hint:`.

import { AegisError } from "../base/errors.ts";
import { regoProgramName } from "../base/program-names.ts";
import { leaveStartUp } from "../supervise/start-up.ts";
import { type CommandKind, exitStatus, exitStatusOf } from "./exit.ts";
import { writeErr, writeOut } from "./output.ts";
import { ownArguments } from "./own-bytes.ts";
import { escapeControls } from "./render/text.ts";

/** Other names the binary is installed under that no command of this build has yet. */
const otherNames = new Set(["aegis-server"]);

/**
 * @param calledAs argv[0] as the caller gave it
 * @returns the exit status; nothing is thrown
 */
export async function runCli(argv: readonly string[], calledAs: string): Promise<number> {
  const [name, ...rest] = argv;
  const launches = name === "run" || name === "wrap" || name === "learn";
  const isCommandGiven = launches || name === "mcp";
  const program = calledAs.slice(calledAs.lastIndexOf("/") + 1);
  if (program === regoProgramName) return runRego();
  if (program === "aegisctl" || program === "aegisd") return runProgram(program, argv);
  try {
    refuseOtherNames(program);
    if (name === "run" || name === "wrap") {
      const { runCommand } = await import("./command/run.ts");
      return await runCommand(ownArguments(rest), name);
    }
    if (name === "--version" || name === "-V") {
      const { aegisVersion } = await import("../base/version.ts");
      writeOut(`aegis ${aegisVersion}\n`);
      return exitStatus.ok;
    }
    leaveStartUp();
    const { runTree } = await import("./tree.ts");
    // Only what a command is given is bytes; to everything else a name that is no text is none.
    return await runTree(isCommandGiven ? ownArguments(argv) : argv);
  } catch (error) {
    return reportFailure(error, launches ? "launch" : "plain");
  }
}

/** Started by a server that was given a tool policy. */
async function runRego(): Promise<number> {
  leaveStartUp();
  const { runRegoChild } = await import("../control/decide/rego-child.ts");
  await runRegoChild();
  return exitStatus.ok;
}

/** Programs that are documented to fail with 1, whatever the reason. */
async function runProgram(
  program: "aegisctl" | "aegisd",
  argv: readonly string[],
): Promise<number> {
  leaveStartUp();
  try {
    if (program === "aegisd") {
      const { command } = await import("./aegisd.ts");
      return await command.start(argv);
    }
    const { runAegisctl } = await import("./aegisctl.ts");
    return await runAegisctl(argv);
  } catch (error) {
    reportFailure(error, "plain");
    return exitStatus.failed;
  }
}

function refuseOtherNames(program: string): void {
  if (!otherNames.has(program)) return;
  throw new AegisError("usage", `${program} is not part of this build`, {
    hint: "`aegis serve` and `aegisd` serve the control plane; `aegis --help` lists all there is",
  });
}

function reportFailure(error: unknown, kind: CommandKind): number {
  if (error instanceof AegisError) {
    const hint = error.hint === undefined ? "" : `hint: ${escapeControls(error.hint)}\n`;
    writeErr(`error: ${escapeControls(error.message, "indented")}\n${hint}`);
    return exitStatusOf(error.code, kind);
  }
  const failure = systemFailure(error);
  if (failure !== undefined) {
    writeErr(`error: ${escapeControls(failure)}\n`);
    writeErr("hint: check who may use that place, and its free space\n");
    return exitStatusOf("internal", kind);
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeErr(`error: aegis met a fault of its own\n${escapeControls(stack, "all")}\n`);
  writeErr("hint: please report these lines; nothing more was done\n");
  return exitStatusOf("internal", kind);
}

/** What the system refused, for errors that carry the name of a system call. */
function systemFailure(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  const place = "path" in error && typeof error.path === "string" ? ` "${error.path}"` : "";
  return `Cannot ${error.syscall}${place}: ${error.message}`;
}
