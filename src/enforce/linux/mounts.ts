// The box's mount table: everything read-only but what may be changed, private places for temporary
// and shared memory files with what is granted in them put back, a /proc of its own, and covers
// over the holes. It holds what Landlock does not govern: modes, owners, times, attributes.

import { type AbsPath, contains, parentOf } from "../../base/paths.ts";
import type { MountStep } from "../../bridge/plan.ts";
import type { PathAction } from "../../model/capability.ts";
import type { DiskView } from "./paths/disk-view.ts";
import { isMeant, type Region } from "./paths/grants.ts";
import { everything } from "./paths/shape.ts";
import type { Temporary } from "./temporary.ts";

export interface MountRequest {
  readonly grants: readonly Region[];
  /** Covers over holes, outer first. */
  readonly covers: readonly MountStep[];
  readonly temporary: Pick<Temporary, "fresh" | "returned">;
  /** A pid namespace of the box's own is made, so /proc has to show it. */
  readonly hasPidNamespace: boolean;
}

/** Sticky and writable for all, as the directories they replace. */
const stickyMode = 0o1777;

export function planMounts(request: MountRequest, disk: DiskView): readonly MountStep[] {
  const changed = changedPlaces(request.grants, disk);
  // What is returned is reached through a private place, but the real one: the workspace under
  // /tmp, for instance. What may not be changed in it has a cover.
  const { fresh, returned } = request.temporary;
  const isInFresh = (path: string) => fresh.some((place) => contains(place.path, path));
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
  return steps;
}

function writable(path: AbsPath): MountStep {
  return { kind: "writable", path, optional: false };
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
