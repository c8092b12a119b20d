// The box's mount table: everything read-only but what may be changed, private places for temporary
// and shared memory files, a /proc of its own, and covers over the holes. It holds what Landlock
// does not govern: modes, owners, times, attributes.

import { type AbsPath, contains, resolvePath } from "../../base/paths.ts";
import type { MountStep } from "../../bridge/plan.ts";
import type { PathAction } from "../../model/capability.ts";
import type { DiskView } from "./disk-view.ts";
import type { Region } from "./grants.ts";
import { everything } from "./shape.ts";

export interface MountRequest {
  readonly grants: readonly Region[];
  /** Covers over holes, outer first. */
  readonly covers: readonly MountStep[];
  /** A pid namespace of the box's own is made, so /proc has to show it. */
  readonly hasPidNamespace: boolean;
  readonly workspace: string;
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
  const fresh = privatePlaces(request, disk);
  const isFresh = (path: string) =>
    fresh.some((place) => contains(place.path, path)) ||
    (request.hasPidNamespace && contains("/proc", path));
  const roots = writableRoots(request.grants, disk);
  const steps: MountStep[] = [];
  if (!roots.includes(everything.path)) {
    steps.push({ kind: "read-only-root" });
    for (const path of roots) {
      if (!isFresh(path)) steps.push({ kind: "writable", path, optional: false });
    }
  }
  for (const { path, sizeBytes } of fresh) {
    steps.push({ kind: "tmpfs", path, mode: stickyMode, sizeBytes });
  }
  if (request.hasPidNamespace) steps.push({ kind: "proc" });
  for (const cover of request.covers) {
    // In a fresh file system there is nothing to cover yet; names that come to be are judged when
    // they are made.
    if (!("path" in cover && isFresh(cover.path))) steps.push(cover);
  }
  return { steps, private: fresh.map(({ path }) => path) };
}

interface FreshPlace {
  readonly path: AbsPath;
  readonly sizeBytes: bigint;
}

/** /tmp and /dev/shm, when the policy lets the box write there and nothing it needs lies inside. */
function privatePlaces({ grants, workspace }: MountRequest, disk: DiskView): FreshPlace[] {
  const places = [
    { path: disk.look(temporaryPath).place, sizeBytes: temporarySizeBytes },
    { path: disk.look(sharedPath).place, sizeBytes: sharedSizeBytes },
  ];
  return places.filter(({ path }) => {
    if (disk.look(path).kind !== "directory" || contains(path, workspace)) return false;
    const isUsedInside = grants.some(
      ({ shape }) =>
        shape.path !== path &&
        contains(path, shape.path) &&
        disk.look(shape.path).kind !== "absent",
    );
    if (isUsedInside) return false;
    return grants.some(
      ({ action, shape }) =>
        action === "FileWrite" && shape.path === path && shape.kind !== "exact",
    );
  });
}

/**
 * Outermost existing files and directories in which something may be changed; devices can be
 * written to anywhere.
 */
function writableRoots(grants: readonly Region[], disk: DiskView): AbsPath[] {
  const roots = new Set<AbsPath>();
  for (const { action, shape } of grants) {
    const { kind } = disk.look(shape.path);
    if (changing.has(action) && (kind === "directory" || kind === "file")) roots.add(shape.path);
  }
  const sorted = [...roots].sort((a, b) => (a < b ? -1 : 1));
  return sorted.filter((path) => !sorted.some((other) => other !== path && contains(other, path)));
}

const changing: ReadonlySet<PathAction> = new Set(["FileWrite", "FileDelete", "DirCreate"]);
