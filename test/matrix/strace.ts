// The accesses of a program as strace saw them: an independent count that the ledger's is held
// against. What counts is a call that succeeded on an object with a name; the table is in
// docs/real-programs.md. What is read is known by its full path (strace shows where the descriptor
// leads), the rest by the last component of its name, because strace does not resolve names.

import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";

/** How often each "ACTION NAME" occurred. */
export type Tally = Map<string, number>;

const opens = ["open", "openat", "openat2", "creat"];
const execs = ["execve", "execveat"];
const deletes = ["unlink", "unlinkat", "rmdir"];
const renames = ["rename", "renameat", "renameat2"];
const links = ["link", "linkat"];
const folders = ["mkdir", "mkdirat"];
const newNames = ["symlink", "symlinkat", "mknod", "mknodat"];
const changes = [
  ...["chmod", "fchmodat", "chown", "lchown", "fchownat", "truncate"],
  ...["utime", "utimes", "utimensat", "futimesat"],
  ...["setxattr", "lsetxattr", "removexattr", "lremovexattr"],
];
const traced = [opens, execs, deletes, renames, links, folders, newNames, changes].flat();

/** The command line that leaves one trace per process in `directory`. */
export function underStrace(directory: string, command: readonly string[]): string[] {
  const output = ["-ff", "-o", join(directory, "trace"), "-y", "-s", "4096"];
  const calls = `trace=${traced.map((call) => `?${call}`).join(",")}`;
  return ["strace", ...output, "-e", calls, "-e", "signal=none", ...command];
}

/** Adds up all traces of `directory`. */
export function tallyTraces(directory: string): Tally {
  const tally: Tally = new Map();
  for (const name of readdirSync(directory)) {
    for (const line of readFileSync(join(directory, name), "utf8").split("\n")) {
      for (const access of accessesOf(line)) count(tally, access, 1);
    }
  }
  return tally;
}

/** Adds to a tally. */
export function count(tally: Tally, access: string, times: number): void {
  tally.set(access, (tally.get(access) ?? 0) + times);
}

const lineShape = /^(\w+)\((.*)\) += (\d+)(?:<(.*)>)?$/;

function accessesOf(line: string): string[] {
  const parsed = lineShape.exec(line);
  if (parsed === null) return [];
  const [, call = "", args = "", , opened] = parsed;
  if (opens.includes(call)) return openAccess(args, opened ?? "");
  const names = [...args.matchAll(/(?<![<\w/])"((?:[^"\\]|\\.)*)"/g)].map(([, name = ""]) => name);
  const [first = "", second = ""] = names;
  if (execs.includes(call)) return [`ProcessSpawn ${basename(realPath(first))}`];
  if (names.length === 0) return [];
  if (deletes.includes(call)) return [`FileDelete ${basename(first)}`];
  if (renames.includes(call)) {
    return [`FileDelete ${basename(first)}`, `FileWrite ${basename(second)}`];
  }
  if (links.includes(call)) return [`FileRead ${basename(first)}`, `FileWrite ${basename(second)}`];
  if (folders.includes(call)) return [`DirCreate ${basename(first)}`];
  if (call.startsWith("symlink")) return [`FileWrite ${basename(second)}`];
  return [`FileWrite ${basename(first)}`];
}

function openAccess(args: string, opened: string): string[] {
  if (/\bO_PATH\b/.test(args) || !opened.startsWith("/")) return [];
  const isFolder = statSync(opened, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder && !/\bO_TMPFILE\b/.test(args)) return [`DirList ${opened}`];
  const writes = /\bO_(WRONLY|RDWR|TRUNC|CREAT|TMPFILE)\b/.test(args);
  const action = writes ? "FileWrite" : "FileRead";
  return [`${action} ${tallyName(action, opened)}`];
}

/** How a tally names a path: what is read in full, except an object git is about to link. */
export function tallyName(action: string, path: string): string {
  const isFull = (action === "FileRead" || action === "DirList") && !path.includes("/tmp_obj_");
  return isFull ? path : basename(path);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // ignored: relative to another folder or gone by now; its last component is all that is used
    return path;
  }
}
