// git, compilers and the shell's tools under `workspace`.

import { expect } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { giveToPlainUser } from "../support/harness.ts";
import { type Place, runBare } from "./place.ts";
import { type MatrixRow, testRows } from "./row.ts";

const keyDenied = { action: "FileRead", path: "~/.ssh/id_ed25519" };

const rows: readonly MatrixRow[] = [
  {
    name: "git makes a history, a clone and a second work tree",
    needs: ["tool git"],
    fixture: "git",
    command: ["sh", "session.sh"],
    touched: [
      { action: "ProcessSpawn", path: "/usr/bin/git" },
      { action: "FileRead", path: "repo/src/1.txt" },
      { action: "FileWrite", path: "repo/.git/index.lock" },
      { action: "FileRead", path: "repo/.git/HEAD" },
      { action: "DirCreate", path: "clone" },
      { action: "FileWrite", path: "clone/src/1.txt" },
      { action: "FileWrite", path: "tree/src/1.txt" },
    ],
    violation: {
      command: ["sh", "-c", 'git --no-pager diff --no-index /dev/null "$HOME/.ssh/id_ed25519"'],
      says: /id_ed25519.*: Permission denied/,
      denied: keyDenied,
    },
  },
  {
    name: "make and gcc build a program of several files",
    needs: ["tool gcc", "tool make"],
    fixture: "gcc",
    command: ["sh", "-c", "make -j2 >make.txt && ./calculator && make"],
    touched: [
      { action: "ProcessSpawn", path: "/usr/bin/make" },
      { action: "ProcessSpawn", path: "/usr/bin/as" },
      { action: "ProcessSpawn", path: "calculator" },
      { action: "FileRead", path: "Makefile" },
      { action: "FileRead", path: "parts.h" },
      { action: "FileRead", path: "/usr/include/stdio.h" },
      { action: "FileWrite", path: "main.o" },
      { action: "FileWrite", path: "calculator" },
    ],
    violation: {
      command: ["sh", "-c", 'exec gcc -E -P -x c "$HOME/.ssh/id_ed25519"'],
      says: /fatal error: .*id_ed25519: Permission denied/,
      denied: keyDenied,
    },
  },
  {
    name: "cargo builds a program with a build script",
    needs: ["tool cargo"],
    fixture: "cargo",
    prepare: installToolchain,
    env: (place) => ({ PATH: `${place.home}/.rustup/toolchains/here/bin:${place.env.PATH}` }),
    command: ["sh", "-c", "cargo build --offline --quiet && ./target/debug/matrix"],
    touched: [
      { action: "ProcessSpawn", path: "~/.rustup/toolchains/here/bin/cargo" },
      { action: "ProcessSpawn", path: "~/.rustup/toolchains/here/bin/rustc" },
      { action: "ProcessSpawn", path: "target/debug/matrix" },
      { action: "FileRead", path: "Cargo.toml" },
      { action: "FileRead", path: "src/part.rs" },
    ],
    violation: {
      command: ["sh", "-c", 'exec rustc --crate-type lib --emit metadata "$HOME/.ssh/id_ed25519"'],
      says: /id_ed25519.*Permission denied \(os error 13\)/,
      denied: keyDenied,
    },
  },
  {
    name: "bash runs pipelines and controls jobs",
    needs: ["tool bash"],
    fixture: "shell",
    command: ["bash", "jobs.sh"],
    touched: [
      { action: "ProcessSpawn", path: "/usr/bin/sort" },
      { action: "ProcessSpawn", path: "/usr/bin/sleep" },
      { action: "FileRead", path: "jobs.sh" },
      { action: "FileWrite", path: "sorted.txt" },
    ],
    violation: {
      command: ["bash", "-c", 'read -r key <"$HOME/.ssh/id_ed25519"; echo "$key"'],
      says: /id_ed25519: Permission denied/,
      denied: keyDenied,
    },
  },
  {
    name: "tar creates and extracts an archive",
    needs: ["tool tar", "tool gzip"],
    fixture: "shell",
    command: ["sh", "archive.sh"],
    touched: [
      { action: "ProcessSpawn", path: "/usr/bin/tar" },
      { action: "FileRead", path: "tree/deep/1" },
      { action: "FileWrite", path: "tree.tar.gz" },
      { action: "DirCreate", path: "out/tree/deep" },
      { action: "FileWrite", path: "out/tree/deep/1" },
    ],
    violation: {
      command: ["sh", "-c", 'tar -xzf tree.tar.gz --one-top-level="$HOME/taken"'],
      says: /taken: Cannot mkdir: Permission denied/,
      denied: { action: "DirCreate", path: "~/taken" },
      makes: "~/taken",
    },
  },
  {
    name: "tar is refused a secret it should archive",
    needs: ["tool tar", "tool gzip"],
    fixture: "shell",
    command: ["sh", "archive.sh"],
    touched: [{ action: "FileWrite", path: "tree.tar.gz" }],
    violation: {
      command: ["sh", "-c", 'tar -cf - "$HOME/.ssh/id_ed25519"'],
      says: /id_ed25519: Cannot open: Permission denied/,
      denied: keyDenied,
    },
  },
  {
    name: "find feeds xargs",
    needs: ["tool find", "tool xargs"],
    fixture: "shell",
    command: ["sh", "find.sh"],
    touched: [
      { action: "ProcessSpawn", path: "/usr/bin/find" },
      { action: "ProcessSpawn", path: "/usr/bin/wc" },
      { action: "DirList", path: "odd names/ü" },
      { action: "FileRead", path: "odd names/ü/x" },
      { action: "FileDelete", path: "odd names/file 1" },
    ],
    violation: {
      command: ["sh", "-c", 'find "$HOME/.ssh" -type f -print0 | xargs -0 cat'],
      says: /\.ssh.*: Permission denied/,
      denied: { action: "DirList", path: "~/.ssh" },
    },
  },
  {
    name: "sqlite3 writes a database",
    needs: ["tool sqlite3"],
    fixture: "shell",
    command: ["sh", "sqlite.sh"],
    touched: [
      { action: "ProcessSpawn", path: "/usr/bin/sqlite3" },
      { action: "FileWrite", path: "data.db" },
      { action: "FileWrite", path: "data.db-wal" },
    ],
    violation: {
      command: ["sh", "-c", 'exec sqlite3 data.db ".output $HOME/taken.sql" .dump'],
      says: /cannot (open|write to) .*taken.sql/,
      denied: { action: "FileWrite", path: "~/taken.sql" },
      makes: "~/taken.sql",
    },
  },
];

/**
 * The caller's toolchain as `~/.rustup/toolchains/here` of the place: hard links, because it is
 * large and the original may be out of a plain user's reach.
 */
async function installToolchain(place: Place): Promise<void> {
  const target = join(place.home, ".rustup/toolchains/here");
  if (existsSync(target)) return;
  mkdirSync(join(target, "lib"), { recursive: true });
  const { stdout } = Bun.spawnSync(["rustc", "--print", "sysroot"]);
  const sysroot = stdout.toString().trim();
  for (const part of ["bin", "lib"]) {
    const { exitCode, stderr } = Bun.spawnSync(["cp", "-al", join(sysroot, part), target]);
    if (exitCode !== 0) throw new Error(`Cannot link ${sysroot}/${part}: ${stderr.toString()}`);
  }
  const cargoHome = join(place.home, ".cargo");
  mkdirSync(cargoHome);
  if (place.runner !== "root") giveToPlainUser(cargoHome);
  const owned = await runBare(place, ["rustc", "--version"]);
  expect(owned).toMatchObject({ exitCode: 0 });
}

testRows(rows);
