// Carries the changes of a dry run over to the places they were made in, or to a folder beside. A
// file is replaced as a whole or not at all; what is not as it was when the list was made stays.

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { uniqueSuffix } from "../../base/ids.ts";
import type { Xattrs } from "../../bridge/xattrs.ts";
import { anyIn, type Change, type DryPlace } from "./changes.ts";
import { type Folder, lookAt, openFolder, removeIn, withFolder } from "./folder.ts";
import type { UpperEntry } from "./upper.ts";

export interface CommitContext {
  readonly places: readonly DryPlace[];
  readonly startNs: bigint;
  readonly xattrs: Xattrs;
}

export interface LeftBehind {
  readonly change: Change;
  readonly why: string;
}

/** @returns what was not carried over, and why */
export function commitChanges(
  changes: readonly Change[],
  context: CommitContext,
): readonly LeftBehind[] {
  const left: LeftBehind[] = [];
  const folders: Change[] = [];
  for (const change of changes) {
    try {
      if (change.conflict !== "") throw new Error(change.conflict);
      if (change.entry?.kind === "folder") folders.push(change);
      apply(change, context);
    } catch (error) {
      left.push({ change, why: reasonOf(error) });
    }
  }
  // Modes and times last and inner first: a folder may forbid what is still to be made in it.
  for (const change of folders.reverse()) {
    if (left.some((each) => each.change === change)) continue;
    try {
      finishFolder(change, context);
    } catch (error) {
      left.push({ change, why: reasonOf(error) });
    }
  }
  return left;
}

function apply(change: Change, context: CommitContext): void {
  const { entry, steps } = change;
  const name = steps.at(-1);
  if (name === undefined) return;
  inParent(change, context, (folder) => {
    if (entry === undefined) {
      refuseIfChanged(folder, name, change, context);
      removeIn(folder, name);
      return;
    }
    if (entry.kind === "folder") makeFolder(folder, name, change, context);
    else
      replace(folder, name, entry, context.xattrs, () =>
        refuseIfChanged(folder, name, change, context),
      );
  });
}

function inParent<T>(
  { place, steps }: Change,
  { places }: CommitContext,
  use: (folder: Folder) => T,
): T {
  const found = places.find((each) => each.place === place);
  if (found === undefined) throw new Error(`"${place}" is no place of this run`);
  return withFolder(place, found.look, steps.slice(0, -1), use);
}

/** A folder by what it holds: removing a second name of a file is a change of its inode alone. */
function refuseIfChanged(
  folder: Folder,
  name: string,
  { before }: Change,
  { startNs }: Pick<CommitContext, "startNs">,
): void {
  const now = lookAt(folder.at(name));
  const isSame =
    now?.ino === before?.ino &&
    now?.dev === before?.dev &&
    now?.mode === before?.mode &&
    (now?.isDirectory() === true
      ? !anyIn(folder, name, ({ mtimeNs }) => mtimeNs >= startNs)
      : now?.size === before?.size && now?.mtimeNs === before?.mtimeNs);
  if (!isSame) throw new Error("it was changed meanwhile");
}

function makeFolder(folder: Folder, name: string, change: Change, context: CommitContext): void {
  if (change.kind === "attributes") return;
  refuseIfChanged(folder, name, change, context);
  if (change.before !== undefined) unlinkSync(folder.at(name));
  mkdirSync(folder.at(name), { mode: 0o700 });
}

function finishFolder(change: Change, context: CommitContext): void {
  const { entry, steps } = change;
  if (entry === undefined) return;
  const name = steps.at(-1);
  if (name === undefined) {
    inParent(change, context, ({ fd }) => fchmodSync(fd, Number(entry.look.mode & 0o7777n)));
    return;
  }
  inParent(change, context, (folder) => finish(folder, name, entry, context.xattrs));
}

/** Owner, attributes, mode and times of a folder that was made. */
function finish(folder: Folder, name: string, entry: UpperEntry, xattrs: Xattrs): void {
  const made = openFolder(folder.at(name));
  try {
    writeAttributes(`/proc/self/fd/${made.fd}/.`, entry, xattrs);
    setOwnerModeTimes(made.fd, entry);
  } finally {
    closeSync(made.fd);
  }
}

/** Makes a file or link beside and puts it in the place of what is there. */
function replace(
  folder: Folder,
  name: string,
  entry: UpperEntry,
  xattrs: Xattrs,
  check: () => void,
): void {
  const beside = folder.at(`.aegis-${uniqueSuffix()}`);
  try {
    if (entry.kind === "link") makeLink(beside, entry);
    else copyFile(beside, entry, xattrs);
    check();
    if (lookAt(folder.at(name))?.isDirectory() === true) removeIn(folder, name);
    renameSync(beside, folder.at(name));
  } catch (error) {
    if (lookAt(beside) !== undefined) unlinkSync(beside);
    throw error;
  }
}

function makeLink(path: string, { target, look }: UpperEntry): void {
  symlinkSync(target, path);
  const made = lookAt(path);
  if (made?.uid !== look.uid || made.gid !== look.gid)
    lchownSync(path, Number(look.uid), Number(look.gid));
}

const blockBytes = 64 * 1024;

/** Blocks of zeros stay holes. */
function copyFile(path: string, entry: UpperEntry, xattrs: Xattrs): void {
  const from = openSync(entry.path, constants.O_RDONLY | constants.O_NOFOLLOW);
  let to: number | undefined;
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    to = openSync(path, flags, 0o600);
    const block = Buffer.alloc(blockBytes);
    const zeros = Buffer.alloc(blockBytes);
    let at = 0;
    for (;;) {
      const size = readSync(from, block, 0, blockBytes, at);
      if (size === 0) break;
      const part = block.subarray(0, size);
      if (!part.equals(zeros.subarray(0, size))) writeAll(to, part, at);
      at += size;
    }
    ftruncateSync(to, at);
    writeAttributes(path, entry, xattrs);
    setOwnerModeTimes(to, entry);
  } finally {
    closeSync(from);
    if (to !== undefined) closeSync(to);
  }
}

function writeAll(fd: number, part: Buffer, at: number): void {
  for (let done = 0; done < part.length; )
    done += writeSync(fd, part, done, part.length - done, at + done);
}

function writeAttributes(path: string, { attributes }: UpperEntry, xattrs: Xattrs): void {
  for (const [name, value] of attributes) {
    if (!xattrs.write(path, name, value)) throw new Error(`its attribute ${name} cannot be set`);
  }
}

function setOwnerModeTimes(fd: number, { look }: UpperEntry): void {
  const made = fstatSync(fd, { bigint: true });
  if (made.uid !== look.uid || made.gid !== look.gid)
    fchownSync(fd, Number(look.uid), Number(look.gid));
  fchmodSync(fd, Number(look.mode & 0o7777n));
  futimesSync(fd, Number(look.atimeNs) / 1e9, Number(look.mtimeNs) / 1e9);
}

/** Copies what was added or changed below `folder`, each under its whole path. */
export function copyChanges(folder: string, changes: readonly Change[], xattrs: Xattrs): void {
  const made: { readonly path: string; readonly name: string; readonly entry: UpperEntry }[] = [];
  for (const { entry, place, steps } of changes) {
    const name = steps.at(-1);
    if (entry === undefined || entry.kind === "other" || name === undefined) continue;
    const path = [folder, place.slice(1), ...steps.slice(0, -1)].join("/");
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (entry.kind === "folder") {
      mkdirSync(`${path}/${name}`, { recursive: true, mode: 0o700 });
      made.push({ path, name, entry });
      continue;
    }
    const parent = openFolder(path);
    try {
      replace(parent, name, entry, xattrs, () => undefined);
    } finally {
      closeSync(parent.fd);
    }
  }
  for (const { path, name, entry } of made.reverse()) {
    const parent = openFolder(path);
    try {
      finish(parent, name, entry, xattrs);
    } finally {
      closeSync(parent.fd);
    }
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ELOOP" || code === "ENOTDIR") return "a folder on its way is a link now";
  if (code === "ENOENT") return "a folder on its way is gone";
  if (code === "EACCES" || code === "EPERM") return "aegis may not change it";
  return error instanceof Error ? error.message : String(error);
}
