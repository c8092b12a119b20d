// Which git repository a workspace is, and which of its files make git run programs. Only what
// exists when a command starts is protected, so a command can still make repositories, clones,
// worktrees and submodules of its own. Everything read here may have been written by an earlier
// command, so a redirection is only believed when the other side points back.

import { submoduleDepthMax, submodulesMax } from "../base/limits.ts";
import { absPath, contains, resolvePath } from "../base/paths.ts";
import type { Action } from "../model/capability.ts";
import { type PathRule, ruleText } from "./rule-text.ts";

/** The little of a disk this needs; nothing throws for a path that is absent or closed. */
export interface Disk {
  readonly kind: (path: string) => "absent" | "file" | "directory" | "other";
  /** Text of a file, undefined when it cannot be read. */
  readonly read: (path: string) => string | undefined;
  /** Names in a folder, empty when it cannot be listed. */
  readonly list: (path: string) => readonly string[];
  /** What the path leads to, undefined when there is nothing. */
  readonly realPath: (path: string) => string | undefined;
}

export interface Repository {
  /** Folders with hooks and a config: the repository's own, and one for each submodule. */
  readonly gitDirs: readonly string[];
  /** Folders of linked worktrees, which say where the rest of the repository is. */
  readonly worktreeDirs: readonly string[];
  /** `.git` files that say where a worktree's or submodule's repository is. */
  readonly redirects: readonly string[];
  /** Outside the workspace and needed to commit, when the workspace is a linked worktree. */
  readonly linked: readonly string[];
}

/** The repository the workspace is the top of, undefined when it is none. */
export function findRepository(workspace: string, disk: Disk): Repository | undefined {
  const dotGit = `${workspace}/.git`;
  if (disk.kind(dotGit) === "directory") {
    const gitDir = disk.realPath(dotGit) ?? dotGit;
    return isGitDir(gitDir, disk) ? describe([gitDir], [], { linked: [], disk }) : undefined;
  }
  if (disk.kind(dotGit) !== "file") return undefined;
  const gitDir = redirectTarget(dotGit, disk);
  if (gitDir === undefined || !isGitDir(gitDir, disk))
    return { gitDirs: [], worktreeDirs: [], redirects: [dotGit], linked: [] };
  const common = commonDirOf(gitDir, disk);
  if (common === undefined) return describe([gitDir], [dotGit], { linked: [], disk });
  const isLinked = pointsBack(gitDir, dotGit, disk) && !contains(workspace, common);
  return describe([common], [dotGit], { linked: isLinked ? [common] : [], disk });
}

/** Cedar rules for a repository; empty when there is nothing to say. */
export function repositoryRules(repository: Repository): string {
  const { gitDirs, worktreeDirs, redirects, linked } = repository;
  const writing: readonly Action[] = ["FileWrite", "FileDelete", "DirCreate"];
  const working: readonly Action[] = ["FileRead", ...writing, "DirList"];
  const below = (folders: readonly string[], names: readonly string[]): readonly string[] =>
    folders.flatMap((folder) => names.map((name) => `${folder}/${name}`));
  const forbid = { effect: "forbid", actions: writing } as const;
  const rules: readonly PathRule[] = [
    {
      id: "git:linked-repository",
      effect: "permit",
      actions: working,
      paths: linked,
      comment: "The repository this worktree belongs to.",
    },
    {
      ...forbid,
      id: "protected:git-hooks",
      paths: below(gitDirs, ["hooks"]),
      comment: "Programs git runs.",
    },
    {
      ...forbid,
      id: "protected:git-config",
      paths: [
        ...below(gitDirs, ["config", "config.worktree"]),
        ...below(worktreeDirs, ["config.worktree"]),
      ],
      comment: "Settings that name programs git runs.",
    },
    {
      ...forbid,
      id: "protected:git-redirects",
      paths: [
        ...redirects,
        ...below(gitDirs, ["commondir"]),
        ...below(worktreeDirs, ["commondir", "gitdir"]),
      ],
      comment: "Files that say where the repository is.",
    },
  ];
  return rules
    .filter(({ paths }) => paths.length > 0)
    .map(ruleText)
    .join("\n");
}

function describe(
  roots: readonly string[],
  redirects: readonly string[],
  { linked, disk }: { linked: readonly string[]; disk: Disk },
): Repository {
  const modules = roots.flatMap((root) => modulesOf(`${root}/modules`, disk, 0));
  const gitDirs = [...roots, ...modules].slice(0, submodulesMax);
  const worktreeDirs = gitDirs.flatMap((gitDir) =>
    disk
      .list(`${gitDir}/worktrees`)
      .map((name) => `${gitDir}/worktrees/${name}`)
      .filter((path) => disk.kind(`${path}/gitdir`) === "file"),
  );
  const checkouts = [
    ...worktreeDirs.flatMap((path) => pathIn(`${path}/gitdir`, path, disk) ?? []),
    ...modules.flatMap((path) => checkoutOf(path, disk) ?? []),
  ];
  return {
    gitDirs,
    worktreeDirs,
    redirects: [...new Set([...redirects, ...checkouts])],
    linked,
  };
}

/**
 * Submodules' git folders; a submodule's name may have slashes, so folders in between are searched.
 */
function modulesOf(folder: string, disk: Disk, depth: number): string[] {
  if (depth >= submoduleDepthMax) return [];
  return disk
    .list(folder)
    .slice(0, submodulesMax)
    .flatMap((name) => {
      const path = `${folder}/${name}`;
      if (disk.kind(path) !== "directory") return [];
      return isGitDir(path, disk)
        ? [path, ...modulesOf(`${path}/modules`, disk, depth + 1)]
        : modulesOf(path, disk, depth + 1);
    });
}

function isGitDir(path: string, disk: Disk): boolean {
  return disk.kind(path) === "directory" && disk.kind(`${path}/HEAD`) === "file";
}

/** Where a `.git` file leads, links resolved. */
function redirectTarget(dotGit: string, disk: Disk): string | undefined {
  const target = /^gitdir: (.+)\n?$/.exec(disk.read(dotGit) ?? "")?.[1];
  const path = target === undefined ? undefined : relativeTo(parent(dotGit), target);
  return path === undefined ? undefined : disk.realPath(path);
}

/**
 * The repository a worktree's folder belongs to; git puts it nowhere but in `worktrees` of that
 * repository.
 */
function commonDirOf(gitDir: string, disk: Disk): string | undefined {
  const named = pathIn(`${gitDir}/commondir`, gitDir, disk);
  const common = named === undefined ? undefined : disk.realPath(named);
  const isOwn = common !== undefined && parent(gitDir) === `${common}/worktrees`;
  return isOwn && isGitDir(common, disk) ? common : undefined;
}

function pointsBack(gitDir: string, dotGit: string, disk: Disk): boolean {
  const back = pathIn(`${gitDir}/gitdir`, gitDir, disk);
  return back !== undefined && disk.realPath(back) === disk.realPath(dotGit);
}

/** The `.git` file of a submodule's checkout, as its config says where that is. */
function checkoutOf(gitDir: string, disk: Disk): string | undefined {
  const named = /^\s*worktree\s*=\s*(.+?)\s*$/m.exec(disk.read(`${gitDir}/config`) ?? "")?.[1];
  const path = named === undefined ? undefined : relativeTo(gitDir, named);
  return path === undefined ? undefined : `${path}/.git`;
}

/** The path a one-line file holds. */
function pathIn(file: string, folder: string, disk: Disk): string | undefined {
  const text = disk.read(file)?.replace(/\n$/, "");
  return text === undefined || text === "" ? undefined : relativeTo(folder, text);
}

function relativeTo(folder: string, text: string): string | undefined {
  const base = absPath(folder);
  if (base === undefined || text.includes("\0") || text.includes("\n")) return undefined;
  return resolvePath(base, text);
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
