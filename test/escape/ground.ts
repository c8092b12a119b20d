// What lies in a scene before anybody attacks: the home with its secrets, the workspace, the folder
// outside, and a folder of each row's own.

import { chmodSync, copyFileSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Row } from "./row.ts";
import { tools } from "./setting.ts";

export interface Places {
  readonly home: string;
  readonly workspace: string;
  readonly outside: string;
  /** May be read and not written. */
  readonly readable: string;
}

/** Everything `rows` need. */
export function layGround(places: Places, rows: readonly Row[]): void {
  layHome(places.home);
  layWorkspace(places.workspace, places.outside);
  layProgramFolder(places.workspace, places.outside);
  for (const row of rows) layRow(row, places);
  const linked = join(places.workspace, "second-denied");
  if (rows.some(({ words }) => words.includes("{ws}/second-denied")))
    linkSync(join(places.workspace, "denied/second"), linked);
}

/** What `{t}` of a row stands for. */
export function groundOf(row: Row, as: "attack" | "twin", { workspace, outside }: Places): string {
  if (as === "twin") return join(workspace, "in", row.name);
  return row.on === "outside" ? join(outside, row.name) : join(workspace, "denied", row.name);
}

export function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
}

function layRow(row: Row, places: Places): void {
  const { workspace } = places;
  if (row.words.includes("{r}")) put(join(places.readable, row.name), "SECRET\n");
  const all = [...row.words, ...(row.twin ?? []), ...(row.untouched ?? [])].join(" ");
  const names = [...all.matchAll(/\{ws\}\/in\/([\w-]+)/g)].map((match) => match[1] ?? "");
  for (const name of new Set(names)) layFolder(join(workspace, "in", name), "granted");
  if (all.includes("{t}")) {
    layFolder(groundOf(row, "attack", places), "SECRET");
    layFolder(groundOf(row, "twin", places), "granted");
  }
  const spelled = /\/(denied|DENIED)\/+([\w-]+)\/\.?\/?f/.exec(all)?.[2];
  if (spelled !== undefined) layFolder(join(workspace, "denied", spelled), "SECRET");
  if (!all.includes("{s}")) return;
  for (const as of ["attack", "twin"])
    put(join(workspace, "scratch", `${row.name}-${as}`, "own"), "own");
}

function layFolder(path: string, text: string): void {
  for (const name of ["f", "g", "d/x"]) put(join(path, name), `${text}\n`);
  mkdirSync(join(path, "e"), { recursive: true });
  Bun.spawnSync(["ln", "-sfn", "f", join(path, "l")]);
}

const secretFiles =
  ".ssh/id_ed25519 .ssh/config .aws/credentials .azure/accessTokens.json .config/gcloud/credentials.db .kube/config .gnupg/private-keys-v1.d/key .netrc .npmrc .pypirc .docker/config.json .git-credentials .config/gh/hosts.yml .cargo/credentials.toml .pgpass .my.cnf .local/share/keyrings/login.keyring .password-store/x.gpg .mozilla/firefox/x/logins.json .config/google-chrome/Default/Cookies .bash_history .zsh_history .vault-token .terraform.d/credentials.tfrc.json .config/op/config .bitcoin/wallet.dat .bashrc .profile .gitconfig".split(
    " ",
  );

function layHome(home: string): void {
  for (const path of secretFiles) put(join(home, path), "# SECRET of the home\n");
}

function layWorkspace(workspace: string, outside: string): void {
  for (const path of [
    ...[".git/config", ".git/HEAD", ".git/hooks/sample", ".git/modules/m/config"],
    ...[".git/modules/m/HEAD", ".git/worktrees/w/HEAD"],
  ])
    put(join(workspace, path), "\n");
  for (const path of [".git/info", ".git/modules/m/hooks", "cursor-target"])
    mkdirSync(join(workspace, path), { recursive: true });
  put(join(workspace, ".git/worktrees/w/gitdir"), "/nonexistent/w/.git\n");
  symlinkSync("cursor-target", join(workspace, ".cursor"));
  symlinkSync(".gemini-target", join(workspace, ".gemini"));
  put(join(workspace, "Makefile"), "all:\n");
  put(join(workspace, "parent/kept/f"), "SECRET\n");
  put(join(workspace, "denied/second"), "SECRET\n");
  put(join(workspace, "in/glob/f"), "granted\n");
  put(join(outside, "second-name"), "SECRET\n");
  put(join(outside, "left-open"), "SECRET\n");
  linkSync(join(outside, "second-name"), join(workspace, "second-name"));
}

function layProgramFolder(workspace: string, outside: string): void {
  const bin = join(workspace, "bin");
  mkdirSync(bin, { recursive: true });
  const program = (path: string) => {
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(tools().attack, path);
    chmodSync(path, 0o755);
  };
  for (const name of ["attack", "set-uid", "capable"]) program(join(bin, name));
  for (const name of [
    ...["strict-by-descriptor", "strict-own-root"],
    ...["sealed-by-descriptor", "sealed-own-root", "sealed-symlink"],
  ])
    program(join(workspace, "in", name, "program"));
  program(join(outside, "program"));
  program(join(workspace, "denied/program"));
  const inside = ["strict-loader", "sealed-loader"].map((name) =>
    join(workspace, "in", name, "true"),
  );
  for (const path of [join(outside, "true"), ...inside]) {
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync("/bin/true", path);
    chmodSync(path, 0o755);
  }
  for (const path of [join(outside, "script"), join(bin, "script")]) {
    put(path, "#!/bin/sh\nexit 42\n");
    chmodSync(path, 0o755);
  }
}
