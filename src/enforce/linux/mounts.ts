// The box's mount table: everything read-only but what may be changed, private places for temporary
// and shared memory files, a /proc of its own, and covers over the holes. It holds what Landlock
// does not govern: modes, owners, times, attributes.

import { type AbsPath, contains, parentOf, resolvePath } from "../../base/paths.ts";
import type { MountStep } from "../../bridge/plan.ts";
import type { PathAction } from "../../model/capability.ts";
import type { DiskView } from "./disk-view.ts";
import { isMeant, type Region } from "./grants.ts";
import { everything } from "./shape.ts";

export interface MountRequest {
  readonly grants: readonly Region[];
  /** Covers over holes, outer first. */
  readonly covers: readonly MountStep[];
  /** A pid namespace of the box's own is made, so /proc has to show it. */
  readonly hasPidNamespace: boolean;
}

const temporaryPath = resolvePath(everything.path, "tmp");
const sharedPath = resolvePath(everything.path, "dev/shm");
/** Room for temporary files: memory is only taken for what is written. */
const temporarySizeBytes = 4n << 30n;
const sharedSizeBytes = 1n << 30n;
/** Sticky and writable for all, as the directories they replace. */
const stickyMode = 0o1777;

export interface MountTable {
  readonly steps: readonly MountStep[];
  /** Places the box got its own of. */
  readonly private: readonly AbsPath[];
}

export function planMounts(request: MountRequest, disk: DiskView): MountTable {
  const changed = changedPlaces(request.grants, disk);
  const fresh = privatePlaces(request, changed, disk);
  const isInFresh = (path: string) => fresh.some((place) => contains(place.path, path));
  // Reached through a private place, but the real one: the workspace under /tmp, for instance.
  const returned = outermost(changed.filter((path) => fresh.some((at) => isBelow(path, at.path))));
  const isFresh = (path: string) =>
    (isInFresh(path) && !returned.some((root) => contains(root, path))) ||
    (request.hasPidNamespace && contains("/proc", path));
  const roots = outermost(changed);
  const steps: MountStep[] = [];
  if (!roots.includes(everything.path)) {
    steps.push({ kind: "read-only-root" });
    steps.push(...roots.filter((path) => !isInFresh(path) && !isFresh(path)).map(writable));
  }
  for (const { path, sizeBytes } of fresh) {
    steps.push({ kind: "tmpfs", path, mode: stickyMode, sizeBytes });
  }
  steps.push(...returned.map(writable));
  if (request.hasPidNamespace) steps.push({ kind: "proc" });
  for (const cover of request.covers) {
    // In a fresh file system there is nothing to cover yet; names that come to be are judged when
    // they are made.
    if (!("path" in cover && isFresh(cover.path))) steps.push(cover);
  }
  return { steps, private: fresh.map(({ path }) => path) };
}

function writable(path: AbsPath): MountStep {
  return { kind: "writable", path, optional: false };
}

interface FreshPlace {
  readonly path: AbsPath;
  readonly sizeBytes: bigint;
}

/**
 * /tmp and /dev/shm, when the policy lets the box write there and everything else it was granted
 * inside lies in directories that can be put back.
 */
function privatePlaces(
  { grants }: MountRequest,
  changed: readonly AbsPath[],
  disk: DiskView,
): FreshPlace[] {
  const places = [
    { path: disk.look(temporaryPath).place, sizeBytes: temporarySizeBytes },
    { path: disk.look(sharedPath).place, sizeBytes: sharedSizeBytes },
  ];
  return places.filter(({ path: place }) => {
    if (disk.look(place).kind !== "directory") return false;
    const isWritten = grants.some(
      ({ action, shape, isWider }) =>
        action === "FileWrite" && shape.path === place && shape.kind !== "exact" && !isWider,
    );
    const returnable = changed.filter(
      (path) => isBelow(path, place) && disk.look(path).kind === "directory",
    );
    const isLost = ({ shape, isWider, origin }: Region) => {
      // Somebody named a path directly in it.
      if (shape.path === place) return isWider;
      if (!isBelow(shape.path, place)) return false;
      if (disk.look(shape.path).kind === "absent" && !isMeant(origin)) return false;
      return !returnable.some((root) => contains(root, shape.path));
    };
    return isWritten && !grants.some(isLost);
  });
}

/**
 * Existing files and directories in which something may be changed; devices always can be. For
 * what somebody named that is not there it is the folder it would be made in.
 */
function changedPlaces(grants: readonly Region[], disk: DiskView): readonly AbsPath[] {
  const places = new Set<AbsPath>();
  for (const { action, shape, origin } of grants) {
    if (!changing.has(action)) continue;
    const { kind, missing } = disk.look(shape.path);
    if (kind === "directory" || kind === "file") places.add(shape.path);
    if (missing !== undefined && isMeant(origin) && isGranted(parentOf(missing), grants)) {
      places.add(parentOf(missing));
    }
  }
  return [...places].sort((a, b) => (a < b ? -1 : 1));
}

/** Something may be made in the folder: a file that is granted alone needs a broker for that. */
function isGranted(folder: AbsPath, grants: readonly Region[]): boolean {
  return grants.some(
    ({ action, shape }) =>
      action === "FileWrite" && shape.kind !== "exact" && contains(shape.path, folder),
  );
}

function outermost(paths: readonly AbsPath[]): readonly AbsPath[] {
  return paths.filter((path) => !paths.some((other) => isBelow(path, other)));
}

function isBelow(path: string, directory: string): boolean {
  return path !== directory && contains(directory, path);
}

const changing: ReadonlySet<PathAction> = new Set(["FileWrite", "FileDelete", "DirCreate"]);
