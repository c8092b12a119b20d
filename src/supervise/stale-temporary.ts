// Folders for temporary files that no box has used for long: their removal. Boxes wrote what is in
// them, and other boxes may change it meanwhile, so everything is done below descriptors of folders
// and no name is looked up twice. A folder in use is held by a lock, which ends with its process.

import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import { uniqueSuffix } from "../base/ids.ts";
import { temporaryKeptDays, temporaryLookDays, temporaryNamesAtOnce } from "../base/limits.ts";
import { type AbsPath, parentOf, resolvePath } from "../base/paths.ts";
import { lockFile, shareFile } from "../bridge/file-lock.ts";

const dayMs = 24 * 60 * 60 * 1000;
const ofWorkspace = /^[0-9a-f]{16}$/;
const gone = /^gone-/;
/** Waiting for who removes the folder, which takes two calls. */
const lockTries = 100;
const lockPauseMs = 5;
const O_PATH = 0o10000000;
const asFolder = constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Keeps a folder from being removed until this process ends. */
export function holdFolder(folder: AbsPath, nowUnixMs: number): void {
  const path = lockOf(folder);
  for (let tries = 0; tries < lockTries; tries++) {
    const fd = openLock(path);
    // Whoever removed the folder has removed the file its lock is on, and the next is another one.
    if (shareFile(fd) && isAt(path, fd)) {
      futimesSync(fd, nowUnixMs / 1000, nowUnixMs / 1000);
      return;
    }
    closeSync(fd);
    Bun.sleepSync(lockPauseMs);
  }
}

/**
 * Removes what was not used for long, at most so much at once that no launch waits for it, and
 * looks again the next day.
 * @param path this user's alone; what else lies there by now stays as it is
 */
export function removeStale(path: AbsPath, nowUnixMs: number): void {
  const fd = openSync(path, O_PATH | asFolder);
  try {
    const { uid, mode } = fstatSync(fd);
    if (uid !== process.getuid?.() || (mode & 0o077) !== 0) return;
    removeBelow(resolvePath(path, `/proc/self/fd/${fd}`), nowUnixMs);
  } finally {
    closeSync(fd);
  }
}

function removeBelow(base: AbsPath, nowUnixMs: number): void {
  const stamp = resolvePath(base, "looked");
  const looked = lstatSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (nowUnixMs - looked < temporaryLookDays * dayMs) return;
  const names = readdirSync(base).map((name) => name.replace(/\.lock$/, ""));
  for (const name of new Set(names.filter((one) => ofWorkspace.test(one))))
    attempt(() => retire(resolvePath(base, name), nowUnixMs));
  const queue = readdirSync(base).filter((name) => gone.test(name));
  let left = temporaryNamesAtOnce;
  while (queue.length > 0 && left > 0) {
    const name = queue.pop() ?? "";
    const path = resolvePath(base, name);
    attempt(() => {
      if (removeFile(Buffer.from(path))) return;
      const { removed, folders } = empty(path, base, left);
      left -= removed;
      queue.push(...folders);
      if (left > 0) rmdirSync(path);
      else queue.push(name);
    });
  }
  if (queue.length > 0) return;
  rmSync(stamp, { force: true });
  const made = openSync(stamp, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  futimesSync(made, nowUnixMs / 1000, nowUnixMs / 1000);
  closeSync(made);
}

/** What resists, as by a name it was made to have, keeps nothing else from being removed. */
function attempt(remove: () => void): void {
  try {
    remove();
  } catch {
    // ignored: it is in nobody's way, and is tried again another day
  }
}

/** How many there are, stale or not. */
export function countTemporary(base: AbsPath): number {
  try {
    return readdirSync(base).filter((name) => ofWorkspace.test(name)).length;
  } catch {
    // ignored: where there is no such folder, or it is another's, there is none of ours
    return 0;
  }
}

/** Gives a folder that is unused a name that no launch will take. */
function retire(folder: AbsPath, nowUnixMs: number): void {
  const path = lockOf(folder);
  const there = lstatSync(folder, { throwIfNoEntry: false });
  const stat = lstatSync(path, { throwIfNoEntry: false }) ?? there ?? { mtimeMs: nowUnixMs };
  if (nowUnixMs - stat.mtimeMs < temporaryKeptDays * dayMs) return;
  const fd = openLock(path);
  try {
    if (!lockFile(fd) || !isAt(path, fd)) return;
    const away = resolvePath(parentOf(folder), `gone-${uniqueSuffix()}`);
    if (there !== undefined) renameSync(folder, away);
    rmSync(path);
  } finally {
    closeSync(fd);
  }
}

/**
 * Folders in it are moved beside it instead of being gone into, so that depth costs nothing.
 * @param most names removed or moved
 */
function empty(
  folder: AbsPath,
  base: AbsPath,
  most: number,
): { readonly removed: number; readonly folders: readonly string[] } {
  const fd = openFolder(folder);
  const folders: string[] = [];
  try {
    const names = readdirSync(`/proc/self/fd/${fd}`, { encoding: "buffer" }).slice(0, most);
    for (const name of names) {
      const path = Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), name]);
      if (removeFile(path)) continue;
      const moved = `gone-${uniqueSuffix()}`;
      closeSync(openFolder(path));
      renameSync(path, resolvePath(base, moved));
      folders.push(moved);
    }
    return { removed: names.length, folders };
  } finally {
    closeSync(fd);
  }
}

/** False for a folder. */
function removeFile(path: Buffer): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EISDIR") return false;
    throw error;
  }
}

/** Also one that was closed to its owner; it is opened again, for him alone. */
function openFolder(path: AbsPath | Buffer): number {
  const found = openSync(path, O_PATH | asFolder);
  try {
    const same = `/proc/self/fd/${found}`;
    if ((fstatSync(found).mode & 0o700) !== 0o700) chmodSync(same, 0o700);
    return openSync(same, constants.O_RDONLY | constants.O_DIRECTORY);
  } finally {
    closeSync(found);
  }
}

function openLock(path: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
}

function isAt(path: string, fd: number): boolean {
  const { dev, ino } = fstatSync(fd);
  const there = lstatSync(path, { throwIfNoEntry: false });
  return there?.ino === ino && there.dev === dev;
}

function lockOf(folder: string): string {
  return `${folder}.lock`;
}
