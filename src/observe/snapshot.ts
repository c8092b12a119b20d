// A directory tree as it is now, and the difference between two such pictures. Links are entries of
// their own and never followed. Everything a file shows to lstat is compared, and its content where
// it is small enough to be read.

import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from "node:fs";
import type { FileChange } from "./observer.ts";

export interface SnapshotLimits {
  /** Trees with more entries give no snapshot: half of one would show changes that were none. */
  readonly entriesMax: number;
  /** Files longer than this are compared by size and times alone. */
  readonly hashedFileMaxBytes: number;
  /**
   * Bytes read for one snapshot, over all files; those beyond it are compared by size and times
   * alone.
   */
  readonly hashedTotalMaxBytes: number;
}

export const snapshotLimits: SnapshotLimits = {
  entriesMax: 200_000,
  hashedFileMaxBytes: 1 << 20,
  hashedTotalMaxBytes: 64 << 20,
};

interface Entry {
  readonly isDirectory: boolean;
  /** Everything compared, apart from the content. */
  readonly face: string;
  /** SHA-256, or the target of a link; undefined where it was not read. */
  readonly content: string | undefined;
}

/** By absolute path; the directory itself is not an entry. */
export type Snapshot = ReadonlyMap<string, Entry>;

/** Undefined when the tree is larger than the limits. What vanishes while we look was not there. */
export function takeSnapshot(directory: string, limits: SnapshotLimits): Snapshot | undefined {
  const entries = new Map<string, Entry>();
  const pending = [directory];
  let budget = limits.hashedTotalMaxBytes;
  for (let parent = pending.pop(); parent !== undefined; parent = pending.pop()) {
    for (const name of namesIn(parent)) {
      const path = `${parent === "/" ? "" : parent}/${name}`;
      const seen = look(path, Math.min(budget, limits.hashedFileMaxBytes));
      if (seen === undefined) continue;
      entries.set(path, seen.entry);
      budget -= seen.bytesRead;
      if (seen.entry.isDirectory) pending.push(path);
      if (entries.size > limits.entriesMax) return undefined;
    }
  }
  return entries;
}

/**
 * Every name that came, went or changed, in the order of the paths; what changed its type went and
 * came.
 */
export function diffSnapshots(
  before: Snapshot,
  after: Snapshot,
  tsUnixMs: number,
): readonly FileChange[] {
  const changes: FileChange[] = [];
  const add = (kind: FileChange["kind"], path: string, { isDirectory }: Entry) => {
    changes.push({ kind, isDirectory, path, tsUnixMs, source: "snapshot" });
  };
  for (const [path, old] of before) {
    const now = after.get(path);
    if (now === undefined || typeOf(now) !== typeOf(old)) add("deleted", path, old);
    else if (hasChanged(old, now)) add("modified", path, now);
  }
  for (const [path, now] of after) {
    const old = before.get(path);
    if (old === undefined || typeOf(old) !== typeOf(now)) add("created", path, now);
  }
  // Stable: a deletion stays in front of the creation of the same name.
  return changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function typeOf({ face }: Entry): string {
  return face.slice(0, face.indexOf(" "));
}

function hasChanged(old: Entry, now: Entry): boolean {
  if (old.face !== now.face) return true;
  return old.content !== undefined && now.content !== undefined && old.content !== now.content;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    // ignored: gone meanwhile, or closed to us and so to the box, which runs as the same user
    if (isErrno(error)) return [];
    throw error;
  }
}

function look(path: string, readMaxBytes: number): { entry: Entry; bytesRead: number } | undefined {
  try {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const { mode, uid, gid, size, mtimeNs } = stat;
    const isDirectory = stat.isDirectory();
    // The times and size of a directory follow from its entries, which are compared themselves.
    const own = isDirectory ? "" : ` ${size} ${mtimeNs}`;
    const type = Number(mode) & constants.S_IFMT;
    const face = `${type} ${mode} ${uid} ${gid}${own}`;
    if (stat.isSymbolicLink()) {
      return { entry: { isDirectory, face, content: readlinkSync(path) }, bytesRead: 0 };
    }
    const content = stat.isFile() && size <= readMaxBytes ? hashOf(path, readMaxBytes) : undefined;
    const bytesRead = content === undefined ? 0 : Number(size);
    return { entry: { isDirectory, face, content }, bytesRead };
  } catch (error) {
    // ignored: gone between two looks
    if (isErrno(error)) return undefined;
    throw error;
  }
}

/** Undefined when it cannot be read, or has grown past the limit meanwhile. */
function hashOf(path: string, maxBytes: number): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // ignored: not readable, so it is compared by size and times alone
    if (isErrno(error)) return undefined;
    throw error;
  }
  try {
    const hasher = new Bun.CryptoHasher("sha256");
    const buffer = new Uint8Array(64 * 1024);
    for (let total = 0; ; ) {
      const size = readSync(fd, buffer);
      if (size === 0) return hasher.digest("hex");
      total += size;
      if (total > maxBytes) return undefined;
      hasher.update(buffer.subarray(0, size));
    }
  } finally {
    closeSync(fd);
  }
}

function isErrno(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}
