// What others offer, each set up by its own documents to give what aegis gives without being asked:
// the workspace writable; the forbidden folder, the one outside and the secrets closed; no
// network. Programs from npm are those of bench/peers.ts; bwrap and firejail are those of the
// distribution. None of them is needed: the report names those it did not find.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { peersDirectory } from "../../bench/peers.ts";
import type { System } from "./run.ts";
import type { Scene } from "./scene.ts";
import { tools } from "./setting.ts";

const modules = join(peersDirectory(), "node_modules");
const codexBinary = join(
  modules,
  "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
);
const srtBinary = join(modules, ".bin/srt");
const srtPackage = join(modules, "@anthropic-ai/sandbox-runtime");

export interface Peer {
  readonly system: System;
  /** As it names itself; undefined: it is not here. */
  readonly version: string | undefined;
}

export function peers(): readonly Peer[] {
  return [
    { system: landlock, version: "" },
    { system: bwrap, version: versionOf("/usr/bin/bwrap") },
    { system: firejail, version: versionOf("/usr/bin/firejail") },
    { system: codex, version: versionOf(codexBinary) },
    { system: srt, version: existsSync(srtBinary) ? packageVersion(srtPackage) : undefined },
  ];
}

function versionOf(program: string): string | undefined {
  if (!existsSync(program)) return undefined;
  const { stdout } = Bun.spawnSync([program, "--version"], { stdio: ["ignore", "pipe", "ignore"] });
  return /\d+(\.\d+)+/.exec(stdout.toString())?.[0] ?? "";
}

function packageVersion(folder: string): string {
  const text = readFileSync(join(folder, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

const landlock: System = {
  name: "Landlock",
  start: ({ workspace, readable }, argv) => [
    tools().landlockOnly,
    ...["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc", "/sys", readable].flatMap((path) => [
      "ro",
      path,
    ]),
    ...["/dev", "/tmp", workspace].flatMap((path) => ["rw", path]),
    ...["--", ...argv],
  ],
};

const bwrap: System = {
  name: "bwrap",
  start: ({ home, workspace, outside, sockets }, argv) => [
    ...["/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--new-session"],
    ...["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"],
    ...["--tmpfs", home, "--tmpfs", outside, "--tmpfs", sockets, "--bind", workspace, workspace],
    ...["--tmpfs", join(workspace, "denied"), "--tmpfs", join(workspace, "parent/kept")],
    ...["--ro-bind", join(workspace, ".git"), join(workspace, ".git")],
    ...["--", ...argv],
  ],
};

const firejail: System = {
  name: "firejail",
  // Its own lists are for the home of the account, which the scene's is not.
  start: (scene, argv) => [
    ...["/usr/bin/firejail", "--quiet", "--noprofile"],
    // The scene lies in /var/tmp, which it would empty and let no program run from.
    ...["--net=none", "--private-tmp", "--keep-var-tmp", "--writable-var", "--private-dev"],
    ...["--caps.drop=all", "--seccomp", "--nonewprivs", "--noroot", "--nogroups"],
    ...["--ipc-namespace", "--restrict-namespaces", "--protocol=unix,inet,inet6"],
    "--deterministic-exit-code",
    ...closed(scene).map((path) => `--blacklist=${path}`),
    ...[scene.readable, join(scene.workspace, ".git")].map((path) => `--read-only=${path}`),
    ...["--", ...argv],
  ],
};

function closed({ home, workspace, outside, sockets }: Scene): string[] {
  const ofHome = [".ssh", ".aws", ".azure", ".config", ".kube", ".gnupg", ".netrc", ".npmrc"];
  const more = [".pypirc", ".docker", ".git-credentials", ".cargo", ".pgpass", ".my.cnf", ".local"];
  const last = [".password-store", ".mozilla", ".bash_history", ".zsh_history", ".vault-token"];
  return [
    ...[outside, sockets, join(workspace, "denied"), join(workspace, "parent/kept")],
    ...[...ofHome, ...more, ...last, ".terraform.d", ".bitcoin"].map((name) => join(home, name)),
  ];
}

const codex: System = {
  name: "codex",
  start: (scene, argv) => {
    const rules = [
      '":root" = "read"',
      `${JSON.stringify(scene.workspace)} = "write"`,
      ...closed(scene).map((path) => `${JSON.stringify(path)} = "none"`),
    ];
    const profile = ['default_permissions = "escape"', "[permissions.escape.filesystem]", ...rules];
    scene.write("home/.codex/config.toml", `${profile.join("\n")}\n`);
    return [codexBinary, "sandbox", "--", ...argv];
  },
};

const srt: System = {
  name: "srt",
  start: (scene, argv) => {
    const settings = {
      network: { allowedDomains: [], deniedDomains: [] },
      filesystem: { denyRead: closed(scene), allowWrite: [scene.workspace], denyWrite: [] },
    };
    scene.write("srt.json", JSON.stringify(settings));
    return [srtBinary, "--settings", join(scene.root, "srt.json"), ...argv];
  },
};
