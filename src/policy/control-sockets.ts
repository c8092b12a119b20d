// Sockets of this very session through which whoever connects acts outside the box: those that
// variables of the caller name, and those that lie in the host's /tmp under the names programs give
// them. Names that are the same everywhere are in profiles/control-sockets.cedar. What makes a
// socket later under a random name is not found: only what exists when a command starts.

import { absPath, contains } from "../base/paths.ts";
import type { Disk } from "./repository.ts";
import { type PathRule, patternRuleText, ruleText } from "./rule-text.ts";

/** Where sessions keep them when no runtime folder is told. */
const temporaryFolder = "/tmp";
/**
 * Most names taken from there one by one; a machine has tens. Where there are more, as an earlier
 * box may have made them, all names that begin like one are closed by patterns.
 */
const namedMax = 500;

/** Folders and sockets as programs name them, how they begin and go on: agents to displays. */
const knownNames: Readonly<Record<string, string>> = {
  "ssh-": "[\\w-]+",
  "gpg-": "[\\w-]+",
  "tmux-": "\\d+",
  "dbus-": "\\w+",
  emacs: "\\d+",
  nvim: "(?:\\w*\\.[\\w.-]+|\\w{6,})",
  "kitty-": "[\\w-]+",
  mykitty: "[\\w-]*",
  "zellij-": "\\d+",
  "vscode-": "(?:ipc|git|remote|ssh)-[\\w.-]+",
  "cursor-": "[\\w.-]+",
  "runtime-": "\\w+",
  "xdg-runtime-": "[\\w-]+",
  "podman-run-": "\\d+",
  "containers-user-": "\\d+",
  "com.apple.launchd.": "\\w+",
};
/** One expression for all of them: every launch asks for every name in /tmp. */
const knownName = new RegExp(
  `^(?:${Object.entries(knownNames)
    .map(([beginning, rest]) => beginning.replaceAll(".", "\\.") + rest)
    .join("|")})$`,
);
/** Names everybody's sessions share. */
const sharedNames = [".X11-unix", ".ICE-unix", "screens", "uscreens"];

export interface SessionOfUser {
  readonly user: number;
  /** Values of variables that lead outside of the box. */
  readonly variables: readonly string[];
  readonly runtimeFolder: string | undefined;
  /** Folders a command works in: what holds one of them is no folder of sockets. */
  readonly worked: readonly string[];
}

export interface SocketDisk extends Disk {
  /** Whose folder or socket a path is; undefined for links and everything else. */
  readonly socketOwner: (path: string) => number | undefined;
}

export interface ControlSockets {
  /** To keep closed with all that is below, links resolved. */
  readonly paths: readonly string[];
  /** What is closed begins with one of these; empty unless there are too many paths. */
  readonly beginnings: readonly string[];
}

export const noControlSockets: ControlSockets = { paths: [], beginnings: [] };

export function findControlSockets(session: SessionOfUser, disk: SocketDisk): ControlSockets {
  const temporary = disk.realPath(temporaryFolder) ?? temporaryFolder;
  const { named, beginnings } = namedIn(temporary, session.user, disk);
  const holdsWork = (path: string): boolean =>
    [...session.worked, temporaryFolder, "/var/tmp", "/dev/shm"].some((folder) =>
      contains(path, folder),
    );
  const runtime = absPath(session.runtimeFolder ?? "");
  const told = [
    ...(runtime === undefined || disk.kind(runtime) === "absent" ? [] : [runtime]),
    ...session.variables.flatMap(pathsIn).filter((path) => isSocket(path, disk)),
  ].map((path) => disk.realPath(path) ?? path);
  const closed = [...new Set([...named, ...told])].filter((path) => !holdsWork(path)).sort();
  // Who names a folder of them means all that is in it.
  const paths = closed.filter((path) => !closed.some((one) => one !== path && contains(one, path)));
  return { paths, beginnings };
}

/**
 * What has a known name in the folder for temporary files. Anybody may make names there, so a link
 * is not followed, or it would close what it leads to, and others' names do not count: whoever may
 * open everybody's has root's.
 */
function namedIn(
  temporary: string,
  user: number,
  disk: SocketDisk,
): { readonly named: readonly string[]; readonly beginnings: readonly string[] } {
  const usual = [...sharedNames, `tmux-${user}`, `emacs${user}`]
    .map((name) => `${temporary}/${name}`)
    .filter((path) => disk.kind(path) === "absent" || disk.socketOwner(path) !== undefined);
  const isOurs = (path: string): boolean => {
    const owner = disk.socketOwner(path);
    return owner !== undefined && (user === 0 || owner === 0 || owner === user);
  };
  const listed = disk
    .list(temporary)
    .filter((name) => knownName.test(name))
    .map((name) => `${temporary}/${name}`)
    .filter(isOurs);
  if (listed.length <= namedMax) return { named: [...usual, ...listed], beginnings: [] };
  const beginnings = Object.keys(knownNames).map((beginning) => `${temporary}/${beginning}`);
  return { named: usual, beginnings };
}

/** Cedar rules for what was found; empty when nothing was. */
export function controlSocketRules({ paths, beginnings }: ControlSockets): string {
  const forbid: Pick<PathRule, "effect" | "actions"> = {
    effect: "forbid",
    actions: ["FileWrite", "FileDelete", "DirCreate"],
  };
  const found = ruleText({
    ...forbid,
    id: "sockets:found",
    paths,
    comment: "Sockets of this session, as variables and the names in /tmp tell.",
  });
  const many = patternRuleText(
    {
      ...forbid,
      id: "sockets:many",
      comment: "More known names in /tmp than are told one by one.",
    },
    beginnings.map((beginning) => [beginning, ""]),
  );
  return [...(paths.length > 0 ? [found] : []), ...(beginnings.length > 0 ? [many] : [])].join(
    "\n",
  );
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
