// Finds the program of a command the way a shell does, but in the PATH the box will have.

import { accessSync, constants, statSync } from "node:fs";
import { AegisError } from "../base/errors.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";

/**
 * Absolute path of `command`. Relative entries of PATH are skipped: they would mean whatever the
 * working folder holds.
 * @throws {AegisError} `launch/not-found`, or `launch/refused` when a file is there but cannot be
 * executed
 */
export function findProgram(command: string, path: string, directory: AbsPath): AbsPath {
  if (command === "") {
    throw new AegisError("launch/not-found", 'Cannot run "": a command has a name', {
      hint: "write the program behind --: aegis run -- PROGRAM ARGUMENTS",
    });
  }
  if (command.includes("/") || command === "." || command === "..") {
    const program = resolvePath(directory, command);
    const kind = kindOf(program);
    if (kind === "executable") return program;
    if (kind === "folder") throw isFolder(program);
    throw kind === "absent" ? noSuchFile(command, program) : notExecutable(program);
  }
  let refused: AbsPath | undefined;
  for (const entry of path.split(":")) {
    if (!entry.startsWith("/")) continue;
    const program = resolvePath(directory, `${entry}/${command}`);
    const kind = kindOf(program);
    if (kind === "executable") return program;
    if (kind === "plain") refused ??= program;
  }
  throw refused === undefined ? notFound(command) : notExecutable(refused);
}

/** Every program a name can mean in `path`, or the one at an absolute path when it is one. */
export function programsNamed(name: string, path: string): readonly string[] {
  if (name === "") return [];
  const candidates = name.startsWith("/")
    ? [name]
    : path
        .split(":")
        .filter((folder) => folder.startsWith("/"))
        .map((folder) => `${folder}/${name}`);
  return candidates.filter((candidate) => kindOf(candidate) === "executable");
}

function kindOf(path: string): "executable" | "plain" | "folder" | "absent" {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return "absent";
    if (found.isDirectory()) return "folder";
    if (!found.isFile()) return "plain";
    accessSync(path, constants.X_OK);
    return "executable";
  } catch (error) {
    // ignored: a folder that cannot be entered holds nothing for this user, and a file that cannot
    // be executed is passed over, as a shell does
    return isOnTheWay(error) ? "absent" : "plain";
  }
}

/** The error came from a name on the way, not from the file. */
function isOnTheWay(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === "stat";
}

function notFound(command: string): AegisError {
  return new AegisError("launch/not-found", `Cannot run "${command}": no such program in PATH`, {
    hint: "give an absolute path, or pass a PATH that holds it with --env PATH=...",
  });
}

/** Only names without a slash are looked for. */
function noSuchFile(command: string, path: AbsPath): AegisError {
  const hint =
    path === command ? "correct the path" : `it stands for "${path}"; correct it, or --dir`;
  return new AegisError("launch/not-found", `Cannot run "${command}": there is no such file`, {
    hint,
  });
}

function isFolder(path: string): AegisError {
  return new AegisError("launch/refused", `Cannot run "${path}": it is a folder`, {
    hint: "name a program in it",
  });
}

function notExecutable(program: string): AegisError {
  return new AegisError("launch/refused", `Cannot run "${program}": it is not an executable file`, {
    hint: `make it executable with chmod +x "${program}"`,
  });
}
