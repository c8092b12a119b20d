// Real repositories, made by git: what of them is protected, and that everything git does to make
// more of them stays allowed.

import { describe, expect } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { noControlSockets } from "../../../src/policy/control-sockets.ts";
import { type Disk, findRepository } from "../../../src/policy/repository.ts";
import { testWith } from "../../support/features.ts";
import { attemptOf, deciderOf, layersOf } from "../../support/policies.ts";
import { tempDir } from "../../support/temp.ts";

const disk: Disk = {
  kind(path) {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return "absent";
    if (found.isDirectory()) return "directory";
    return found.isFile() ? "file" : "other";
  },
  read: (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined),
  list: (path) => (existsSync(path) ? readdirSync(path) : []),
  realPath: (path) => (existsSync(path) ? realpathSync(path) : undefined),
};

function git(directory: string, ...argv: string[]): void {
  const settings = ["user.name=a", "user.email=a@b", "protocol.file.allow=always"];
  const run = Bun.spawnSync(["git", ...settings.flatMap((it) => ["-c", it]), ...argv], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? "", HOME: directory, GIT_CONFIG_NOSYSTEM: "1" },
  });
  if (run.exitCode !== 0) throw new Error(`git ${argv.join(" ")}: ${run.stderr}`);
}

function newRepository(path: string): string {
  mkdirSync(path, { recursive: true });
  git(path, "init", "-q");
  git(path, "commit", "-q", "--allow-empty", "-m", "first");
  return path;
}

async function judge(workspace: string, rows: readonly (readonly [string, string])[]) {
  const sources = layersOf({
    templates: ["workspace"],
    protections: {
      ownPaths: ["/home/ada/.aegis"],
      ownSecrets: [],
      repository: findRepository(workspace, disk),
      names: true,
      credentials: true,
      sockets: noControlSockets,
    },
  });
  const places = { workspace, home: "/home/ada", tmp: "/tmp/aegis" };
  const decider = await deciderOf(sources, { places });
  const answers = rows.map(([what]) => {
    const [action, path] = what.split(" ");
    return [what, decider.decide(attemptOf(`${action} ${join(workspace, path ?? "")}`)).reason];
  });
  expect(answers).toEqual(rows.map(([what, reason]) => [what, reason]));
}

const allowed = "allowed by workspace:files";

describe("the workspace's own repository", () => {
  testWith(["tool git"], "keeps its hooks and settings, and commits", async () => {
    await judge(newRepository(join(tempDir("repo"), "ws")), [
      ["FileWrite .git/hooks/pre-commit", "denied by protected:git-hooks"],
      ["FileDelete .git/hooks", "denied by protected:git-hooks"],
      ["FileWrite .git/config", "denied by protected:git-config"],
      ["FileWrite .git/config.worktree", "denied by protected:git-config"],
      ["FileWrite .git/commondir", "denied by protected:git-redirects"],
      ["FileRead .git/config", allowed],
      ["FileWrite .git/config.lock", allowed],
      ["FileWrite .git/index.lock", allowed],
      ["FileWrite .git/objects/ab/cdef", allowed],
      ["FileWrite .git/refs/heads/main.lock", allowed],
      ["FileWrite .git/HEAD", allowed],
      ["FileWrite .gitmodules", "denied by protected:workspace-tools"],
      ["FileWrite .gitattributes", allowed],
    ]);
  });

  testWith(["tool git"], "gets new worktrees and clones, with settings of their own", async () => {
    await judge(newRepository(join(tempDir("repo"), "ws")), [
      ["DirCreate .git/worktrees", allowed],
      ["FileWrite .git/worktrees/new/commondir", allowed],
      ["FileWrite .git/worktrees/new/gitdir", allowed],
      ["FileWrite new/.git", allowed],
      ["DirCreate clone/.git/hooks", allowed],
      ["FileWrite clone/.git/config", allowed],
    ]);
  });

  testWith(
    ["tool git"],
    "keeps worktrees and submodules it has pointing where they point",
    async () => {
      const root = tempDir("repo");
      const other = newRepository(join(root, "other"));
      const workspace = newRepository(join(root, "ws"));
      git(workspace, "submodule", "-q", "add", other, "libs/sub");
      git(workspace, "worktree", "add", "-q", join(workspace, "tree"));
      await judge(workspace, [
        ["FileWrite .git/modules/libs/sub/hooks/x", "denied by protected:git-hooks"],
        ["FileWrite .git/modules/libs/sub/config", "denied by protected:git-config"],
        ["FileWrite .git/modules/libs/sub/index", allowed],
        ["FileWrite libs/sub/.git", "denied by protected:git-redirects"],
        ["FileWrite libs/sub/file", allowed],
        ["FileWrite .git/worktrees/tree/commondir", "denied by protected:git-redirects"],
        ["FileWrite .git/worktrees/tree/HEAD", allowed],
        ["FileWrite tree/.git", "denied by protected:git-redirects"],
      ]);
    },
  );
});

describe("a workspace that is a linked worktree", () => {
  testWith(["tool git"], "commits to the repository it belongs to, whose hooks stay", async () => {
    const root = tempDir("repo");
    const main = newRepository(join(root, "main"));
    git(main, "worktree", "add", "-q", join(root, "ws"));
    const linked = "allowed by git:linked-repository";
    await judge(join(root, "ws"), [
      ["FileWrite ../main/.git/objects/ab/cdef", linked],
      ["FileWrite ../main/.git/worktrees/ws/index.lock", linked],
      ["FileWrite ../main/.git/refs/heads/ws.lock", linked],
      ["FileWrite ../main/.git/hooks/x", "denied by protected:git-hooks"],
      ["FileWrite ../main/.git/config", "denied by protected:git-config"],
      ["FileWrite ../main/.git/worktrees/ws/commondir", "denied by protected:git-redirects"],
      ["FileWrite ../main/file", "no permit matched"],
      ["FileWrite .git", "denied by protected:git-redirects"],
    ]);
  });

  testWith(["tool git"], "gets nothing from a .git file that nobody points back to", async () => {
    const root = tempDir("repo");
    const main = newRepository(join(root, "main"));
    git(main, "worktree", "add", "-q", join(root, "real"));
    mkdirSync(join(root, "ws"));
    writeFileSync(join(root, "ws/.git"), `gitdir: ${join(main, ".git/worktrees/real")}\n`);
    await judge(join(root, "ws"), [
      ["FileWrite ../main/.git/objects/ab/cdef", "no permit matched"],
      ["FileWrite .git", "denied by protected:git-redirects"],
    ]);
  });

  testWith(["tool git"], "gets nothing from folders that only look like a repository", async () => {
    const root = tempDir("repo");
    const victim = newRepository(join(root, "victim"));
    const workspace = join(root, "ws");
    const planted = join(workspace, "planted/worktrees/x");
    mkdirSync(planted, { recursive: true });
    writeFileSync(join(planted, "HEAD"), "ref: refs/heads/main\n");
    writeFileSync(join(planted, "gitdir"), `${workspace}/.git\n`);
    writeFileSync(join(planted, "commondir"), `${victim}/.git\n`);
    writeFileSync(join(workspace, ".git"), "gitdir: planted/worktrees/x\n");
    await judge(workspace, [["FileWrite ../victim/.git/objects/ab/cdef", "no permit matched"]]);
  });
});

describe("a workspace that is no repository", () => {
  testWith(["tool git"], "becomes one", async () => {
    await judge(tempDir("ws"), [
      ["DirCreate .git", allowed],
      ["FileWrite .git/config", allowed],
      ["FileWrite .git/hooks/pre-commit.sample", allowed],
    ]);
  });

  testWith(["tool git"], "has a link for .git judged by what it leads to", async () => {
    const root = tempDir("repo");
    const real = newRepository(join(root, "real"));
    mkdirSync(join(root, "ws"));
    symlinkSync(join(real, ".git"), join(root, "ws/.git"));
    await judge(join(root, "ws"), [["FileWrite ../real/.git/config", "no permit matched"]]);
  });
});
