// The other sandboxes a launch is compared with: bwrap from the distribution, srt and codex from
// npm. What is not there, or does not start on this machine, is left out and named.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { repoRoot } from "../test/support/harness.ts";
import type { Scene } from "./scene.ts";

export interface Peer {
  readonly name: string;
  readonly argv: readonly string[];
}

export interface Peers {
  readonly present: readonly Peer[];
  readonly notes: readonly string[];
}

const packages = ["@anthropic-ai/sandbox-runtime@0.0.83", "@openai/codex@0.169.0"];

/**
 * Where the npm peers live: AEGIS_BENCH_PEERS, else build/peers. Programs they need may lie in its
 * `bin`.
 */
export function peersDirectory(): string {
  return process.env.AEGIS_BENCH_PEERS ?? join(repoRoot, "build/peers");
}

/** Installs the npm peers when they are not there yet. @returns why not, when it did not work */
export function installPeers(): string | undefined {
  const directory = peersDirectory();
  if (existsSync(join(directory, "node_modules"))) return undefined;
  const argv = ["npm", "install", "--prefix", directory, "--no-audit", "--no-fund", ...packages];
  const { exitCode, stderr } = Bun.spawnSync(argv, { stdio: ["ignore", "ignore", "pipe"] });
  return exitCode === 0 ? undefined : `npm peers not installed: ${lastLine(stderr.toString())}`;
}

/** Peers that run `true` for the scene's account. */
export function findPeers(scene: Scene): Peers {
  const present: Peer[] = [];
  const notes: string[] = [];
  for (const peer of candidates()) {
    const program = peer.argv[0] ?? "";
    if (!existsSync(program)) {
      notes.push(`${peer.name} is not installed`);
      continue;
    }
    const tried = Bun.spawnSync(scene.as([...peer.argv, "true"]), {
      cwd: scene.workspace,
      env: peerEnvironment(scene),
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 20_000,
    });
    if (tried.exitCode === 0) present.push(peer);
    else notes.push(`${peer.name} does not run here: ${lastLine(tried.stderr.toString())}`);
  }
  return { present, notes };
}

/** The scene's environment with the programs peers need. */
export function peerEnvironment(scene: Scene): Readonly<Record<string, string>> {
  return { ...scene.env, PATH: `${join(peersDirectory(), "bin")}:${scene.env.PATH}` };
}

function candidates(): Peer[] {
  const modules = join(peersDirectory(), "node_modules");
  const native = "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex";
  const mounts = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"];
  return [
    { name: "bwrap", argv: ["/usr/bin/bwrap", "--unshare-all", ...mounts] },
    { name: "codex", argv: [join(modules, native), "sandbox", "--"] },
    { name: "srt", argv: [join(modules, ".bin/srt")] },
  ];
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
