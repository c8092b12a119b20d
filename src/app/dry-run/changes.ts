// The difference between a place and what a dry run left of it, as a list in the order of paths.
// The place belongs to the host and may have changed meanwhile; what did is a conflict.

import { closeSync, constants, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { contains } from "../../base/paths.ts";
import type { IsOrigin } from "../../bridge/file-handle.ts";
import type { Xattrs } from "../../bridge/xattrs.ts";
import { isMissing } from "../../config/files.ts";
import { type Folder, type Look, lookAt, openFolder } from "./folder.ts";
import { isCarried, type UpperEntry } from "./upper.ts";

/** `attributes`: mode, owner, times or extended attributes alone. */
export type ChangeKind = "added" | "changed" | "deleted" | "attributes";

export interface Change {
  readonly kind: ChangeKind;
  readonly place: string;
  /** Names from the place to the object; empty for the place itself. */
  readonly steps: readonly string[];
  /** Undefined for what is deleted. */
  readonly entry: UpperEntry | undefined;
  /** What lies in the place now; undefined: nothing. */
  readonly before: Look;
  /** Why it cannot be committed; "" when it can. */
  readonly conflict: string;
}

export interface DryPlace {
  readonly place: string;
  readonly upper: string;
  /** Of the place when the run began. */
  readonly look: NonNullable<Look>;
}

interface Walk {
  readonly place: DryPlace;
  /** When the run began, ns; on the clock of file times. */
  readonly startNs: bigint;
  readonly covers: ReadonlySet<string>;
  readonly xattrs: Xattrs;
  readonly isOrigin: IsOrigin;
  readonly found: Change[];
}

export function changesIn(root: UpperEntry, context: Omit<Walk, "found">): readonly Change[] {
  const walk: Walk = { ...context, found: [] };
  const { place } = context;
  const folder = openFolder(place.place);
  try {
    const now = lookAt(`/proc/self/fd/${folder.fd}/.`);
    const isSame = now?.ino === place.look.ino && now?.dev === place.look.dev;
    const conflict = isSame ? "" : anotherFolder;
    const isMoved = (root.look.mode & 0o7777n) !== (place.look.mode & 0o7777n);
    if (isMoved) add(walk, "attributes", [], root, now, conflict);
    for (const child of root.children) compare(walk, folder, [child.name], child, conflict);
  } finally {
    closeSync(folder.fd);
  }
  return walk.found;
}

/** @param folder where the name lies now; undefined: a folder that is new, or gone */
function compare(
  walk: Walk,
  folder: Folder | undefined,
  steps: readonly string[],
  entry: UpperEntry,
  inherited: string,
): void {
  const before = folder === undefined ? undefined : lookAt(folder.at(entry.name));
  const conflict = inherited || conflictOf(walk, folder, steps, entry, before);
  if (entry.kind === "whiteout") {
    if (folder !== undefined && before !== undefined)
      addDeleted(walk, folder, steps, before, inherited);
    return;
  }
  if (entry.kind === "folder") {
    compareFolder(walk, folder, { steps, entry, before, conflict });
    return;
  }
  const kind = kindOfChange(walk, folder, entry, before);
  if (kind !== undefined) add(walk, kind, steps, entry, before, conflict);
}

function compareFolder(
  walk: Walk,
  folder: Folder | undefined,
  {
    steps,
    entry,
    before,
    conflict,
  }: Pick<Change, "steps" | "before" | "conflict"> & {
    readonly entry: UpperEntry;
  },
): void {
  const inner = before?.isDirectory() ? enter(folder, entry.name) : undefined;
  try {
    if (inner === undefined) {
      add(walk, before === undefined ? "added" : "changed", steps, entry, before, conflict);
    } else if (sameOwnerAndMode(entry, before) === false) {
      add(walk, "attributes", steps, entry, before, conflict);
    }
    // What was changed in a folder that is replaced is told of each thing in it.
    const later = inner !== undefined && conflict === changed ? "" : conflict;
    if (inner !== undefined && entry.isOpaque) deleteHidden(walk, inner, steps, entry, later);
    for (const child of entry.children) compare(walk, inner, [...steps, child.name], child, later);
  } finally {
    if (inner !== undefined) closeSync(inner.fd);
  }
}

function deleteHidden(
  walk: Walk,
  inner: Folder,
  steps: readonly string[],
  entry: UpperEntry,
  inherited: string,
): void {
  const kept = new Set(entry.children.map(({ name }) => name));
  for (const name of readdirSync(`/proc/self/fd/${inner.fd}`).sort()) {
    const look = kept.has(name) ? undefined : lookAt(inner.at(name));
    if (look !== undefined) addDeleted(walk, inner, [...steps, name], look, inherited);
  }
}

function addDeleted(
  walk: Walk,
  folder: Folder,
  steps: readonly string[],
  before: NonNullable<Look>,
  inherited: string,
): void {
  const name = steps.at(-1) ?? "";
  const isNew = (look: NonNullable<Look>) => look.ctimeNs >= walk.startNs;
  const path = pathOf(walk.place.place, steps);
  const isCovered = [...walk.covers].some((at) => contains(path, at));
  const conflict = isCovered ? "it is protected" : anyIn(folder, name, isNew) ? changed : "";
  add(walk, "deleted", steps, undefined, before, inherited || conflict);
}

const anotherFolder = "the folder is another than it was, or its mode or owner";

const changed = "it was changed meanwhile, or cannot be looked into";

/** Whether something in a tree, the top included, is as `test` says. */
export function anyIn(
  folder: Folder,
  name: string,
  test: (look: NonNullable<Look>) => boolean,
): boolean {
  const look = lookAt(folder.at(name));
  if (look === undefined) return false;
  if (test(look)) return true;
  if (!look.isDirectory()) return false;
  let inner: Folder | undefined;
  try {
    inner = enter(folder, name);
  } catch {
    // ignored: what cannot be looked into counts as if it were so, which only leaves it as it is
    return true;
  }
  if (inner === undefined) return false;
  try {
    return readdirSync(`/proc/self/fd/${inner.fd}`).some((each) => anyIn(inner, each, test));
  } finally {
    closeSync(inner.fd);
  }
}

function enter(folder: Folder | undefined, name: string): Folder | undefined {
  if (folder === undefined) return undefined;
  try {
    return openFolder(folder.at(name));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function conflictOf(
  walk: Walk,
  folder: Folder | undefined,
  steps: readonly string[],
  entry: UpperEntry,
  before: Look,
): string {
  const { startNs, covers, place } = walk;
  if (entry.kind === "other") return "it is a FIFO, a socket or a device";
  if (covers.has(pathOf(place.place, steps))) return "it is protected";
  if (before === undefined || folder === undefined)
    return entry.origin !== undefined && isGone(entry, folder, startNs)
      ? "it was removed meanwhile"
      : "";
  if (isAnotherFolder(walk, folder.at(entry.name), entry, before)) return anotherFolder;
  // A folder that is there on both sides only gets what is new in it.
  if (entry.kind === "folder" && before.isDirectory() && !entry.isOpaque) return "";
  const isLater = (look: NonNullable<Look>) => look.ctimeNs >= startNs;
  const isChanged = entry.kind === "folder" ? isLater(before) : anyIn(folder, entry.name, isLater);
  return isChanged ? changed : "";
}

/**
 * No folder that was there is moved in an overlay, so each was copied from under this very name. A
 * plain user's overlay does not say which it was: one whose inode alone has changed was moved.
 */
function isAnotherFolder(
  { startNs, isOrigin }: Walk,
  path: string,
  { kind, origin }: UpperEntry,
  before: NonNullable<Look>,
): boolean {
  if (kind !== "folder" || origin === undefined || !before.isDirectory()) return false;
  const isMoved = before.ctimeNs >= startNs && before.mtimeNs < startNs;
  return !(isOrigin(path, origin) ?? !isMoved);
}

/** A file that was moved in the box is a copy as well, and nothing was there under its new name. */
function isGone({ kind }: UpperEntry, folder: Folder | undefined, startNs: bigint): boolean {
  if (kind === "folder") return true;
  if (folder === undefined) return false;
  return (lookAt(folder.at("."))?.ctimeNs ?? startNs) >= startNs;
}

function kindOfChange(
  { xattrs }: Walk,
  folder: Folder | undefined,
  entry: UpperEntry,
  before: Look,
): ChangeKind | undefined {
  if (before === undefined || folder === undefined) return "added";
  const path = folder.at(entry.name);
  if (entry.kind === "link") {
    const isSame = before.isSymbolicLink() && readlinkSync(path) === entry.target;
    return isSame ? undefined : "changed";
  }
  if (!before.isFile() || !sameContent(path, entry.path, before.size, entry.look.size))
    return "changed";
  const isSame =
    sameOwnerAndMode(entry, before) &&
    entry.look.mtimeNs === before.mtimeNs &&
    sameAttributes(entry.attributes, xattrs.read(path));
  return isSame ? undefined : "attributes";
}

function sameOwnerAndMode({ look }: UpperEntry, before: Look): boolean {
  return look.mode === before?.mode && look.uid === before.uid && look.gid === before.gid;
}

function sameAttributes(
  after: ReadonlyMap<string, Uint8Array>,
  now: ReadonlyMap<string, Uint8Array>,
): boolean {
  const before = [...now].filter(([name]) => isCarried(name));
  return (
    before.length === after.size &&
    before.every(([name, value]) => Buffer.from(value).equals(after.get(name) ?? value.slice(1)))
  );
}

const blockBytes = 256 * 1024;

function sameContent(left: string, right: string, leftSize: bigint, rightSize: bigint): boolean {
  if (leftSize !== rightSize) return false;
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const files = [openSync(left, flags), openSync(right, flags)] as const;
  try {
    const blocks = [Buffer.alloc(blockBytes), Buffer.alloc(blockBytes)] as const;
    for (let at = 0; ; ) {
      const sizes = files.map((fd, index) =>
        readSync(fd, blocks[index === 0 ? 0 : 1], 0, blockBytes, at),
      );
      const [size = 0, other = 0] = sizes;
      if (size !== other) return false;
      if (!blocks[0].subarray(0, size).equals(blocks[1].subarray(0, size))) return false;
      if (size === 0) return true;
      at += size;
    }
  } finally {
    for (const fd of files) closeSync(fd);
  }
}

function add(
  { found, place }: Walk,
  kind: ChangeKind,
  steps: readonly string[],
  entry: UpperEntry | undefined,
  before: Look,
  conflict: string,
): void {
  found.push({ kind, place: place.place, steps, entry, before, conflict });
}

export function pathOf(place: string, steps: readonly string[]): string {
  return steps.length === 0 ? place : `${place === "/" ? "" : place}/${steps.join("/")}`;
}
