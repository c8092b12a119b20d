// Temporary directories that vanish when the test process ends, through the preload of bunfig.toml.
// A killed process leaves its own behind; scripts/test.ts gives every group a TMPDIR that it
// removes whole.

import { chmodSync, lstatSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made = new Set<string>();

/** A fresh directory, mode 0700, links resolved. Callable anywhere in a test file. */
export function tempDir(label = "test"): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `aegis-${label}-`)));
  made.add(path);
  return path;
}

/** Removes every directory `tempDir` gave out, also those whose insides a test made unreadable. */
export function removeTempDirs(): void {
  for (const path of made) {
    removeTree(path);
    made.delete(path);
  }
}

/** `rm -rf` that first opens up directories a test closed. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // ignored: a directory without permission for its owner; opened up, then removed for good or
    // loudly
    openUp(path);
    rmSync(path, { recursive: true, force: true });
  }
}

function openUp(path: string): void {
  if (!lstatSync(path).isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path)) openUp(join(path, name));
}
