// Runs the built binary the way a person's shell would: own HOME, clean environment, real processes
// and files. What a machine can do is in features.ts; directories come from temp.ts.

import { chownSync, existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { conditionMs, programMs } from "./patience.ts";
import { tempDir } from "./temp.ts";

export const repoRoot = resolve(import.meta.dir, "../..");

export interface AegisOptions {
  /** Laid over a clean environment; `undefined` removes a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: a fresh directory. */
  readonly cwd?: string;
  /** Default: nothing to read. */
  readonly stdin?: string;
  /** The command is killed after this; default `programMs`. */
  readonly timeoutMs?: number;
  /**
   * Run as the unprivileged account of `plainUser()`; `cwd` and HOME must be its own
   * (`giveToPlainUser`).
   */
  readonly asPlainUser?: boolean;
  /** What starts it: a program with its arguments. */
  readonly around?: readonly string[];
  /** Called by this name, as through the links aegisd, aegisctl and aegis-server. */
  readonly calledAs?: string;
}

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** As a shell reports it: 128 + signal for a command that died of one. */
  readonly exitCode: number;
}

/** The binary under test: AEGIS_BINARY, else dist/aegis, which is built when absent. */
export function aegisBinary(): string {
  const named = process.env.AEGIS_BINARY;
  if (named !== undefined && named !== "") return resolve(named);
  const built = join(repoRoot, "dist/aegis");
  if (!existsSync(built)) buildBinary();
  return built;
}

function buildBinary(): void {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "scripts/build.ts"], {
    cwd: repoRoot,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (exitCode !== 0) throw new Error(`Cannot build dist/aegis: ${stderr.toString()}`);
}

/** Starts the built binary and waits for its end. */
export async function spawnAegis(
  args: readonly string[],
  options: AegisOptions = {},
): Promise<Outcome> {
  const command = [...(options.around ?? []), aegisBinary(), ...args];
  const argv = options.asPlainUser === true ? asPlainUser(command) : command;
  const child = Bun.spawn(argv, {
    ...(options.calledAs === undefined ? {} : { argv0: options.calledAs }),
    cwd: options.cwd ?? tempDir("cwd"),
    env: cleanEnvironment(options.env),
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? programMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/** PATH, a fresh HOME and a fixed locale and time zone; nothing of the caller's own. */
export function cleanEnvironment(
  extra: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const merged = {
    PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: "HOME" in extra ? undefined : tempDir("home"),
    LANG: "C.UTF-8",
    TZ: "UTC",
    TERM: "dumb",
    TMPDIR: process.env.TMPDIR,
    ...extra,
  };
  return Object.fromEntries(
    Object.entries(merged).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

/**
 * What a download of packages needs from the caller's environment: proxies, certificates, npm's
 * settings.
 */
export function networkSettings(): Record<string, string> {
  return inherited(/^(https?_proxy|no_proxy|npm_config_\w+|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+)$/i);
}

/** The variables of our own environment whose names match. */
export function inherited(names: RegExp): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (pair): pair is [string, string] => names.test(pair[0]) && pair[1] !== undefined,
    ),
  );
}

/** Polls until `condition` is true or gives a value. @throws after `timeoutMs`, naming `what`. */
export async function waitFor<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = conditionMs,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await Bun.sleep(5);
  }
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** True in a process whose files and processes nobody's permissions bind. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * The account that stands for "a plain user": ourselves unless root, else one that owns no files.
 * Not `nobody`: files without an owner inside a user namespace show as its own.
 */
export function plainUser(): Account {
  if (!isRoot()) return { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
  const wanted = process.env.AEGIS_TEST_ACCOUNT ?? "games";
  for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === wanted) return { uid: Number(uid), gid: Number(gid) };
  }
  return { uid: 61_000, gid: 61_000 };
}

/**
 * `argv` so that it runs without privileges: through setpriv when we are root, unchanged when not.
 */
export function asPlainUser(argv: readonly string[]): string[] {
  if (!isRoot()) return [...argv];
  const { uid, gid } = plainUser();
  const drop = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
  return ["setpriv", ...drop, "--", ...argv];
}

/** Makes a tree the plain user's own; links are not followed. */
export function giveToPlainUser(path: string): string {
  const { uid, gid } = plainUser();
  if (!lstatSync(path).isSymbolicLink()) chownSync(path, uid, gid);
  if (lstatSync(path).isDirectory()) {
    for (const name of readdirSync(path)) giveToPlainUser(join(path, name));
  }
  return path;
}
