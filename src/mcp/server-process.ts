// A server as a child process. It gets the whole environment, because that is how MCP servers are
// given their keys, and is ended step by step: its input first, then by signals.

import { hasLoneBytes } from "../base/byte-text.ts";
import { AegisError } from "../base/errors.ts";
import type { AbsPath } from "../base/paths.ts";
import type { Helper } from "../bridge/helper.ts";
import { startProgram } from "../bridge/start-program.ts";
import type { Environment } from "../config/location.ts";
import { findProgram } from "../supervise/find-program.ts";
import { oneLine } from "./lines.ts";

export interface ServerCommand {
  readonly command: readonly string[];
  /** Spelled as in base/byte-text.ts, as the command is. */
  readonly environment: Environment;
  readonly directory: AbsPath;
  /** Who hands over what is no text; undefined: there is nothing of that. */
  readonly helper: Helper | undefined;
}

/** @param load called where something is no text */
export async function readyServer(
  server: Omit<ServerCommand, "helper">,
  load: () => Promise<Helper>,
): Promise<ServerCommand> {
  const variables = Object.entries(server.environment);
  // Nobody has its name.
  const known = variables.filter(([name]) => !hasLoneBytes(name));
  const texts = [...server.command, ...known.map(([, value]) => value ?? "")];
  const isStarted = server.command.length > 0;
  const helper = isStarted && texts.some(hasLoneBytes) ? await load() : undefined;
  return { ...server, environment: Object.fromEntries(known), helper };
}

export type ServerProcess = Bun.Subprocess<"pipe", "pipe", "inherit">;

/** How long a server may take for each step of its end, milliseconds. */
export const patienceMs = 5000;

/** @throws {AegisError} `launch/not-found`, `launch/refused` */
export function startServerProcess(server: ServerCommand): ServerProcess {
  const { command, environment, directory, helper } = server;
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !name.startsWith("BUN_")) env[name] = value;
  }
  if (helper !== undefined) {
    const path = findProgram(command[0] ?? "", env.PATH ?? "", directory);
    return startProgram(helper, { path, command, environment: env, directory });
  }
  try {
    return Bun.spawn([...command], {
      cwd: directory,
      env,
      stdio: ["pipe", "pipe", "inherit"],
    });
  } catch (cause) {
    throw notFound(command, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/**
 * For a server that is started later.
 * @throws {AegisError} `launch/not-found`
 */
export function requireProgram({ command, environment, directory }: ServerCommand): void {
  const [program = ""] = command;
  const found = Bun.which(program, { PATH: environment.PATH ?? "", cwd: directory });
  if (found === null) throw notFound(command, "there is no such program");
}

function notFound(command: readonly string[], why: string, cause?: unknown): AegisError {
  return new AegisError("launch/not-found", `Cannot start "${command[0] ?? ""}": ${why}`, {
    hint: "name the program and its arguments behind --",
    cause,
  });
}

/** One line for it; a server that does not read any more is about to end, and its end is told. */
export async function sendLine({ stdin }: ServerProcess, text: string): Promise<void> {
  try {
    stdin.write(`${oneLine(text)}\n`);
    await stdin.flush();
  } catch {
    // ignored: see above
  }
}

/**
 * @param urge aborted when there is no time to wait for it
 * @returns its status as a shell reports it
 */
export async function stopServerProcess(child: ServerProcess, urge: AbortSignal): Promise<number> {
  try {
    // What is still in the pipe goes with whoever does not read.
    void Promise.resolve(child.stdin.end()).catch(() => undefined);
  } catch {
    // ignored: it has ended
  }
  const urged = Promise.withResolvers<void>();
  urge.addEventListener("abort", () => urged.resolve());
  if (!urge.aborted) await within(Promise.race([child.exited, urged.promise]), patienceMs);
  for (const name of ["SIGTERM", "SIGKILL"] as const) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    child.kill(name);
    await within(child.exited, patienceMs);
  }
  await child.exited;
  const { signalCode, exitCode } = child;
  if (signalCode === null) return exitCode ?? 1;
  const { constants } = await import("node:os");
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return 128 + (numbers[String(signalCode)] ?? 0);
}

/** @returns whether it was in time; nothing is left behind that keeps the process */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
