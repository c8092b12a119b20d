// `aegis run` and `aegis wrap`.

import { AegisError } from "../../base/errors.ts";
import { type CommandSpec, parseArgs } from "../args.ts";
import { renderHelp } from "../help.ts";
import { writeOut } from "../output.ts";

export const runSpec = {
  name: "run",
  summary: "Run a command under a policy the kernel enforces, and record what it tries.",
  flags: {},
  operands: {},
  launches: true,
  examples: ["aegis run -- python3 agent.py"],
} as const satisfies CommandSpec;

export const wrapSpec = {
  name: "wrap",
  summary: "Run a command and record what it does, without confining it.",
  flags: {},
  operands: {},
  launches: true,
  examples: ["aegis wrap -- claude"],
} as const satisfies CommandSpec;

/** @returns the exit status: the command's own, or 125, 126, 127 */
export async function runCommand(argv: readonly string[], mode: "run" | "wrap"): Promise<number> {
  const spec = mode === "run" ? runSpec : wrapSpec;
  if (parseArgs(spec, argv) === undefined) {
    writeOut(renderHelp(spec));
    return 0;
  }
  throw new AegisError("enforce/unsupported", `Cannot launch: aegis ${mode} is not built yet`);
}
