// Packages npm does not install on this machine because they are for another one: Bun's runtimes
// and fsevents. They come through `npm pack` and are used only when their bytes have the integrity
// the lock file pins.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildDir, type LockedPackage, lockedPackage, runProgram } from "./project.ts";

/** The unpacked package, fetched at most once a checkout. */
export function foreignPackage(name: string): string {
  return fetchPackage(name, lockedPackage(name), join(buildDir, "packages"));
}

/**
 * Fetches into a folder below `store`. @throws, and leaves nothing, when the bytes are not the
 * locked ones.
 */
export function fetchPackage(name: string, locked: LockedPackage, store: string): string {
  const home = join(store, `${name.replace("/", "+")}@${locked.version}`);
  if (existsSync(home)) return home;
  mkdirSync(store, { recursive: true });
  const work = mkdtempSync(join(store, "fetch-"));
  try {
    const pack = ["npm", "pack", "--silent", "--pack-destination", work];
    runProgram([...pack, `${name}@${locked.version}`]);
    const [archive] = [...new Bun.Glob("*.tgz").scanSync({ cwd: work, absolute: true })];
    if (archive === undefined) throw new Error(`Cannot fetch "${name}": npm wrote no archive`);
    checkIntegrity(name, readFileSync(archive), locked.integrity);
    runProgram(["tar", "-xzf", archive, "-C", work, "--no-same-owner"]);
    renameInto(join(work, "package"), home);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return home;
}

function checkIntegrity(name: string, bytes: Uint8Array, integrity: string): void {
  const found = `sha512-${new Bun.CryptoHasher("sha512").update(bytes).digest("base64")}`;
  if (found !== integrity)
    throw new Error(`Cannot use "${name}": its integrity is ${found}, the lock says ${integrity}`);
}

function renameInto(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    // ignored when a build beside us was faster: what it left passed the same check
    if (!existsSync(to)) throw error;
  }
}
