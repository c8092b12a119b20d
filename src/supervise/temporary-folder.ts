// The folder for temporary files of boxes that get no private /tmp: this user's alone, one for each
// workspace, below /tmp. Other users can make names in there, so what is found is looked at before
// it is used: owner, mode, and that it is no link.

import { existsSync, lstatSync, mkdirSync, realpathSync, type Stats } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { AegisError } from "../base/errors.ts";
import { type AbsPath, absPath, resolvePath } from "../base/paths.ts";
import { assert } from "../base/result.ts";
import type { OwnFolder } from "../enforce/backend.ts";
import { holdFolder, removeStale } from "./stale-temporary.ts";

/** Where programs look for temporary files; in most boxes a private one. */
export const temporaryFolder = "/tmp";

/** Where all those of this user are. */
export function temporaryBase(): AbsPath {
  return resolvePath(realParent(), `aegis-${ownUser()}`);
}

/**
 * The same for every box of this user in `workspace`, so that what is cached there is of use. Once
 * made it stays until this process ends, and what nobody used for long is removed.
 */
export function ownTemporaryFolder(workspace: AbsPath, clock: Clock): OwnFolder {
  const parent = realParent();
  const user = ownUser();
  const base = temporaryBase();
  const digest = new Bun.CryptoHasher("sha256").update(workspace).digest("hex");
  const path = resolvePath(base, digest.slice(0, 16));
  return {
    path,
    make() {
      requireSticky(parent, user);
      makePrivate(base, user);
      hold(path, clock);
      makePrivate(path, user);
      tidy(base, clock);
    },
  };
}

function ownUser(): number {
  return process.geteuid?.() ?? 0;
}

/** Without it nothing can be removed below a descriptor. macOS empties /tmp by itself. */
function removesStale(): boolean {
  return existsSync("/proc/self/fd");
}

/** A folder that is not held is used all the same: only one that is old could be removed. */
function hold(folder: AbsPath, clock: Clock): void {
  if (!removesStale()) return;
  try {
    holdFolder(folder, clock.nowUnixMs());
  } catch {
    // ignored: the launch has its folder, whether or not its lock can be had
  }
}

function tidy(base: AbsPath, clock: Clock): void {
  if (!removesStale()) return;
  try {
    removeStale(base, clock.nowUnixMs());
  } catch {
    // ignored: what could not be removed is in nobody's way, and the next launch tries again
  }
}

/** /tmp is a link on some systems. */
function realParent(): AbsPath {
  const named = absPath(temporaryFolder);
  assert(named !== undefined, "the place of temporary files is an absolute path");
  try {
    return absPath(realpathSync(named)) ?? named;
  } catch {
    // ignored: where there is none, making the folder says so
    return named;
  }
}

/** Where everybody may replace what is another's, nothing in it is anybody's own. */
function requireSticky(parent: AbsPath, user: number): void {
  const { mode, uid } = lookAt(parent);
  const isOpen = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
  if (isOpen || (uid !== 0 && uid !== user)) {
    const hint = `chown root "${parent}" && chmod 1777 "${parent}", as on other systems`;
    throw unusable(parent, "other users can replace what lies in it", hint);
  }
}

function makePrivate(folder: AbsPath, user: number): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST")
      throw unusable(folder, `it cannot be made (${code})`, `make "${temporaryFolder}" writable`);
  }
  const found = lookAt(folder);
  const hint = "look at what it is, and remove it or have it removed";
  if (!found.isDirectory()) throw unusable(folder, "it is no folder", hint);
  if (found.uid !== user) throw unusable(folder, `it belongs to user ${found.uid}`, hint);
  if ((found.mode & 0o077) !== 0) throw unusable(folder, "it is open to other users", hint);
}

function lookAt(path: AbsPath): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    throw unusable(path, `it cannot be looked at (${code})`, `make "${temporaryFolder}" writable`);
  }
}

function unusable(path: AbsPath, why: string, hint: string): AegisError {
  const message = `Cannot use "${path}" for the box's temporary files: ${why}`;
  return new AegisError("enforce/insufficient", message, { hint });
}
