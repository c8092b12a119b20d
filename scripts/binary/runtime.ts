// Bun's runtime as it goes into a binary: what would run foreign code inside aegis on the word of
// an environment variable is taken out of a copy. docs/adr/0012-runtime-switches.md has the
// reasons.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { foreignPackage } from "./packages.ts";
import { buildDir, lockedPackage, repoRoot } from "./project.ts";
import type { Target } from "./targets.ts";

/**
 * - `BUN_BE_BUN` turns a compiled program back into a JavaScript interpreter.
 * - `BUN_OPTIONS` takes `--preload=FILE`.
 * - `BUN_INSPECT` and its longer relatives open a debugger that runs what it is sent.
 * - `functionOverrides`, as `BUN_JSC_functionOverrides=FILE`, replaces functions by those of a
 *   file.
 */
export const deadSwitches = [
  "BUN_BE_BUN",
  "BUN_OPTIONS",
  "BUN_INSPECT",
  "functionOverrides",
] as const;

/** Path of the runtime for `target` with every switch dead. */
export function hardenedRuntime(target: Target): string {
  const { version } = lockedPackage(target.runtimePackage);
  const home = join(buildDir, "runtimes");
  const path = join(home, `bun-${version}-${target.name}-${deadSwitches.length}`);
  if (existsSync(path)) return path;
  mkdirSync(home, { recursive: true });
  const bytes = readFileSync(originalRuntime(target));
  for (const name of deadSwitches) killSwitch(bytes, name);
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, bytes, { mode: 0o755 });
  renameSync(draft, path);
  return path;
}

/** The runtime npm installed when it is this one, else the package for the other machine. */
function originalRuntime(target: Target): string {
  if (existsSync(join(repoRoot, "node_modules", target.runtimePackage)))
    return join(repoRoot, "node_modules/bun/bin/bun.exe");
  return join(foreignPackage(target.runtimePackage), "bin/bun");
}

/**
 * Overwrites the first letter of every occurrence with NUL. The length stays, and no environment
 * can hold a name with a NUL, so there is no new spelling that would wake the switch.
 */
function killSwitch(bytes: Buffer, name: string): void {
  const first = bytes.indexOf(name);
  if (first < 0) throw new Error(`Cannot find the switch "${name}" in Bun's runtime`);
  for (let at = first; at >= 0; at = bytes.indexOf(name, at)) bytes[at] = 0;
}
