// What every command is given: the caller's surroundings, read once here and nowhere else.

import type { Clock } from "../base/clock.ts";
import { systemClock } from "../base/clock.ts";
import { AegisError } from "../base/errors.ts";
import { type AbsPath, absPath } from "../base/paths.ts";
import type { Environment } from "../config/location.ts";
import { isTerminal } from "./output.ts";
import { ownEnvironment } from "./own-bytes.ts";

export interface CliContext {
  readonly environment: Environment;
  readonly directory: AbsPath;
  readonly clock: Clock;
  /** Standard output leads to a person's terminal that wants colours. */
  readonly colour: boolean;
}

/** @throws {AegisError} `config/invalid` when the working folder is gone */
export function createContext(): CliContext {
  const environment = { ...ownEnvironment(process.env) };
  // The engine reads it: no proxy is to see what this machine is asked, a key with it.
  process.env.no_proxy = withThisMachine(environment.no_proxy || environment.NO_PROXY);
  const wanted = (environment.NO_COLOR ?? "") === "" && environment.TERM !== "dumb";
  return {
    environment,
    directory: workingDirectory(),
    clock: systemClock,
    colour: wanted && isTerminal(1),
  };
}

function withThisMachine(others: string | undefined): string {
  return `${others ? `${others},` : ""}localhost,127.0.0.1,::1`;
}

function workingDirectory(): AbsPath {
  let directory: AbsPath | undefined;
  try {
    directory = absPath(process.cwd());
  } catch {
    // ignored: the folder was removed; the error below says so
  }
  if (directory !== undefined) return directory;
  throw new AegisError(
    "config/invalid",
    "Cannot find the working folder: it does not exist any more",
    {
      hint: "change to a folder that exists",
    },
  );
}
