// A command: its specification and what it does. Modules of ./command/ export one `command` each
// and load what is heavy inside `run`, so that help and documentation cost nothing.

import { type CommandSpec, type ParsedArgs, parseArgs } from "./args.ts";
import { type CliContext, createContext } from "./context.ts";
import { renderHelp } from "./help.ts";
import { writeOut } from "./output.ts";

export interface Command {
  readonly spec: CommandSpec;
  /**
   * Parses, runs and gives the exit status.
   * @param program the link it was called by
   * @throws {AegisError}
   */
  start(argv: readonly string[], program?: string): Promise<number>;
}

/**
 * Binds a specification to the function that gets its parsed arguments; the status it resolves to
 * ends the process.
 */
export function defineCommand<const S extends CommandSpec>(
  spec: S,
  run: (args: ParsedArgs<S>, context: CliContext) => Promise<number>,
): Command {
  return {
    spec,
    async start(argv, program) {
      const called = program === undefined ? spec : { ...spec, program };
      const args = parseArgs(called, argv);
      if (args !== undefined) return run(args, createContext());
      writeOut(renderHelp(called));
      return 0;
    },
  };
}
