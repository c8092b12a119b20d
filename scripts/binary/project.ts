// Where things lie in the checkout, what package.json and the lock file say, and how the scripts
// start other programs.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export const repoRoot = resolve(import.meta.dir, "../..");

/** Everything made on the way to dist/; safe to delete. */
export const buildDir = resolve(repoRoot, "build");

/** The version of the project. */
export function projectVersion(): string {
  return textField(readJson("package.json"), "version");
}

export interface LockedPackage {
  readonly version: string;
  /** As npm writes it: `sha512-` and base64. */
  readonly integrity: string;
}

/** What the lock file pins for a package. @throws when it pins nothing. */
export function lockedPackage(name: string): LockedPackage {
  const packages = recordField(readJson("package-lock.json"), "packages");
  const entry = recordField(packages, `node_modules/${name}`);
  return { version: textField(entry, "version"), integrity: textField(entry, "integrity") };
}

/** Runs a program with its own arguments, no shell. @throws with its output when it fails. */
export function runProgram(
  argv: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): string {
  const result = Bun.spawnSync([...argv], {
    cwd: options.cwd ?? repoRoot,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (result.exitCode === 0) return result.stdout.toString();
  const output = `${result.stdout.toString()}${result.stderr.toString()}`.trim();
  throw new Error(`Cannot run "${argv.join(" ")}": exit status ${result.exitCode}\n${output}`);
}

/** Runs the body of a script; an error becomes one message and exit status 1. */
export function runScript(body: () => void): void {
  try {
    body();
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(resolve(repoRoot, name), "utf8"));
}

function recordField(holder: unknown, key: string): unknown {
  const value = Object(holder)[key];
  if (typeof value === "object" && value !== null) return value;
  throw new Error(`Cannot find "${key}": run \`npm install\` to bring the lock file up to date`);
}

function textField(holder: unknown, key: string): string {
  const value = Object(holder)[key];
  if (typeof value === "string") return value;
  throw new Error(`Cannot find the text "${key}" in ${JSON.stringify(holder)?.slice(0, 80)}`);
}
