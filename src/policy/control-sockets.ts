// Sockets of this very session through which whoever connects acts outside the box: those that
// variables of the caller name, and those that lie in the host's /tmp under the names programs give
// them. Names that are the same everywhere are in profiles/control-sockets.cedar. What makes a
// socket later under a random name is not found: only what exists when a command starts.

import { absPath, contains } from "../base/paths.ts";
import type { Disk } from "./repository.ts";
import { ruleText } from "./rule-text.ts";

/** Where sessions keep them when no runtime folder is told. */
const temporaryFolder = "/tmp";
/** Most names taken from there; a machine has tens. */
const foundMax = 500;

/** Folders and sockets as programs name them: agents, multiplexers, buses, editors, displays. */
const knownNames =
  /^(?:ssh-[\w-]+|gpg-[\w-]+|tmux-\d+|dbus-\w+|emacs\d+|nvim\w*\.[\w.-]+|nvim\w{6,}|kitty-[\w-]+|mykitty[\w-]*|zellij-\d+|vscode-(?:ipc|git|remote|ssh)-[\w.-]+|cursor-[\w.-]+|runtime-\w+|xdg-runtime-[\w-]+|podman-run-\d+|containers-user-\d+|com\.apple\.launchd\.\w+)$/;

export interface SessionOfUser {
  readonly user: number;
  /** Values of variables that lead outside of the box. */
  readonly variables: readonly string[];
  readonly runtimeFolder: string | undefined;
  /** Folders a command works in: what holds one of them is no folder of sockets. */
  readonly worked: readonly string[];
}

/** Paths to keep closed, links resolved. */
export function findControlSockets(
  { user, variables, runtimeFolder, worked }: SessionOfUser,
  disk: Disk,
): readonly string[] {
  const holdsWork = (path: string): boolean =>
    [...worked, temporaryFolder, "/var/tmp", "/dev/shm"].some((folder) => contains(path, folder));
  const temporary = disk.realPath(temporaryFolder) ?? temporaryFolder;
  const usual = [`tmux-${user}`, `emacs${user}`];
  const named = disk.list(temporary).filter((name) => knownNames.test(name));
  const inTemporary = [...usual, ...named.slice(0, foundMax)].map((name) => `${temporary}/${name}`);
  const runtime = absPath(runtimeFolder ?? "");
  const found = [
    ...inTemporary,
    ...(runtime === undefined || disk.kind(runtime) === "absent" ? [] : [runtime]),
    ...variables.flatMap(pathsIn).filter((path) => isSocket(path, disk)),
  ].map((path) => disk.realPath(path) ?? path);
  const closed = [...new Set(found)].filter((path) => !holdsWork(path)).sort();
  // Who names a folder of them means all that is in it.
  return closed.filter((path) => !closed.some((one) => one !== path && contains(one, path)));
}

/** Cedar rules for what was found. */
export function controlSocketRules(paths: readonly string[]): string {
  return ruleText({
    id: "sockets:found",
    effect: "forbid",
    actions: ["FileWrite", "FileDelete", "DirCreate"],
    paths,
    comment: "Sockets of this session, as variables and the names in /tmp tell.",
  });
}

/** For instance of `unix:path=/run/user/1/bus,guid=0` or `/tmp/tmux-1/default,7,0`. */
function pathsIn(value: string): readonly string[] {
  return [...value.matchAll(/(?:^|[=:;,])(?:\/\/)?(\/[^,;\n\0]+)/g)].flatMap(([, text = ""]) => {
    const path = absPath(text);
    return path === undefined ? [] : [path];
  });
}

/** Terminals and other devices are named by variables as well. */
function isSocket(path: string, disk: Disk): boolean {
  const real = disk.realPath(path);
  return real !== undefined && !contains("/dev", real) && disk.kind(real) === "other";
}
