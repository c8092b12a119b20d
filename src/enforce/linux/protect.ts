// How each hole in a grant is held: by a mount over what exists, by the broker where nothing exists
// yet. The kernel's means are coarse; where one denies more than the policy asks, the table at
// protect() says so, and where it would deny less the broker has to judge every access.

import type { AbsPath } from "../../base/paths.ts";
import { contains } from "../../base/paths.ts";
import type { MountStep } from "../../bridge/plan.ts";
import type { Atom, Capability, Origin, PathAction } from "../../model/capability.ts";
import { pathActions } from "../../model/capability.ts";
import type { Finding } from "./finding.ts";
import type { DiskView } from "./paths/disk-view.ts";
import type { Region } from "./paths/grants.ts";
import { type Hole, permitsIn } from "./paths/holes.ts";
import { RegionIndex } from "./paths/region-index.ts";
import type { Shape } from "./paths/shape.ts";

export interface Protection {
  /** Mounts over what exists, outer paths first. */
  readonly steps: readonly MountStep[];
  /** Places whose new names the broker has to make itself. */
  readonly guarded: readonly Guard[];
  /**
   * Existing paths, each needing a mount; the same as `steps` for whoever has no mount namespace.
   */
  readonly covered: readonly Guard[];
  /** What the mounts deny beyond the policy, as rules: a row has to say what happened. */
  readonly besides: readonly Capability[];
  readonly findings: readonly Finding[];
}

export interface Guard {
  readonly path: AbsPath;
  readonly origin: Origin;
  /** Only changes are forbidden, as for protected names; reading is not restricted. */
  readonly isWriteOnly: boolean;
  /** A broker that answers every open holds it as well as a mount. */
  readonly brokerHolds: boolean;
  readonly forbidsRunning: boolean;
}

/**
 * - Neither reading nor writing is left in the hole: an empty, closed mount over it. It also denies
 *   listing, executing, deleting and making, when those were left.
 * - Reading is left, and changes are forbidden: a read-only mount. It denies writing, deleting and
 *   making, also when only one of them was forbidden.
 * - Reading is left, and running one program is forbidden: the closed mount, for who may read a
 *   program could run it by other means.
 * - Writing is left, and deleting exactly one name is forbidden: a mount of it over itself, which
 *   can be neither moved nor removed.
 * - Nothing is there: the broker makes every new name itself, and refuses to make this one.
 */
export function protect(
  holes: readonly Hole[],
  grants: readonly Region[],
  disk: DiskView,
): Protection {
  const steps: MountStep[] = [];
  const guarded: Guard[] = [];
  const covered: Guard[] = [];
  const besides: Capability[] = [];
  const findings: Finding[] = [];
  const index = new RegionIndex(grants);
  for (const place of placesOf(holes)) {
    const guard = guardOf(place, index, disk);
    if (isNameable(place.path, index)) guarded.push(guard);
    const means = meansFor(place, index, disk);
    if (means === "nothing") continue;
    if (typeof means !== "string") {
      findings.push(means);
      continue;
    }
    covered.push(guard);
    besides.push(...deniedBesides(place, means, index, disk));
    if (!isBelowMask(steps, place.path)) {
      steps.push({ kind: means, path: place.path, optional: false });
    }
  }
  return { steps, guarded, covered, besides, findings };
}

/** What the policy takes out at one path, for the path itself and for everything below it. */
interface Place {
  readonly path: AbsPath;
  readonly tree: Map<PathAction, Origin>;
  readonly exact: Map<PathAction, Origin>;
}

function placesOf(holes: readonly Hole[]): Place[] {
  const places = new Map<AbsPath, Place>();
  for (const { action, shape, origin } of holes) {
    const place = places.get(shape.path) ?? { path: shape.path, tree: new Map(), exact: new Map() };
    places.set(shape.path, place);
    const set = shape.kind === "exact" ? place.exact : place.tree;
    if (!set.has(action)) set.set(action, origin);
  }
  return [...places.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

type Means = "mask-directory" | "mask-file" | "read-only" | "writable";

function meansFor(
  place: Place,
  grants: RegionIndex<Region>,
  disk: DiskView,
): Means | "nothing" | Finding {
  const { kind, place: leadsTo } = disk.look(place.path);
  // A link cannot be mounted on. It can be removed, but no other name can be made in its place.
  if (leadsTo !== place.path) return "nothing";
  if (kind === "absent") return ofAbsent(place, grants);
  const isDirectory = kind === "directory";
  const forbidden = new Map(place.tree);
  for (const [action, origin] of place.exact) {
    if (!isDirectory || exactOnDirectory.has(action)) forbidden.set(action, origin);
  }
  if (forbidden.size === 0) return "nothing";
  const only = [...forbidden.keys()];
  const isOneName = !isDirectory || !place.tree.has("FileDelete");
  if (isOneName && only.every((action) => action === "FileDelete")) return "writable";
  const left = leftAt(place, grants, disk);
  const mask = isDirectory ? "mask-directory" : "mask-file";
  if (!left.has("FileRead") && !left.has("FileWrite")) return mask;
  if (left.has("FileWrite")) return refusal(place, only, left);
  if (only.every((action) => changes.has(action))) return "read-only";
  const isProgram = !isDirectory && only.includes("ProcessSpawn");
  return isProgram ? mask : refusal(place, only, left);
}

/** What is granted at a place, and refused there by the mount that holds its forbid. */
function deniedBesides(
  place: Place,
  means: Means,
  grants: RegionIndex<Region>,
  disk: DiskView,
): Capability[] {
  if (means === "writable") return [];
  const isDirectory = disk.look(place.path).kind === "directory";
  const left = leftAt(place, grants, disk);
  const actions = pathActions.filter((action) => {
    if (!isDirectory && ofDirectories.has(action)) return false;
    return left.has(action) && (means !== "read-only" || changes.has(action));
  });
  if (actions.length === 0) return [];
  const where: readonly Atom[] = [{ kind: "path-in", path: place.path, negated: false }];
  return [{ effect: "forbid", actions, agent: undefined, where, origin: originOf(place) }];
}

function exact(path: AbsPath): Shape {
  return { kind: "exact", path };
}

const ofDirectories: ReadonlySet<PathAction> = new Set(["DirCreate", "DirList"]);

/** In a directory. Only listing and deleting are about the directory itself as well. */
function leftBelow(grants: RegionIndex<Region>, path: AbsPath): Set<PathAction> {
  const itself = leftIn(grants, exact(path));
  const inside = leftIn(grants, { kind: "below", path });
  for (const action of itself) if (exactOnDirectory.has(action)) inside.add(action);
  return inside;
}

function leftIn(grants: RegionIndex<Region>, shape: Shape): Set<PathAction> {
  return new Set(pathActions.filter((action) => permitsIn(grants, action, shape)));
}

const changes: ReadonlySet<PathAction> = new Set(["FileWrite", "FileDelete", "DirCreate"]);
/**
 * The others say nothing about a directory that exists: it is not read, written, made or executed
 * as such.
 */
const exactOnDirectory: ReadonlySet<PathAction> = new Set(["FileDelete", "DirList"]);

/**
 * A name that is not there: it must not come to be, or its coming must not matter. Making files and
 * folders is the broker's work; what happens to a file once the box was allowed to make it is
 * nobody's.
 */
function ofAbsent(place: Place, grants: RegionIndex<Region>): "nothing" | Finding {
  for (const [set, kind] of [
    [place.tree, "tree"],
    [place.exact, "exact"],
  ] as const) {
    const left = leftIn(grants, { kind, path: place.path });
    const only = [...set.keys()];
    const isHeld = !left.has("FileWrite") || only.every((action) => action === "DirCreate");
    if (only.length > 0 && !isHeld) return refusal(place, only, left);
  }
  return "nothing";
}

/**
 * True when the box may make names where `path` lies, so that it could make, replace or move it.
 */
function isNameable(path: AbsPath, grants: RegionIndex<Region>): boolean {
  return [...grants.near("FileWrite", path), ...grants.near("DirCreate", path)].some(
    ({ shape }) => shape.kind !== "exact" && contains(shape.path, path),
  );
}

function isBelowMask(steps: readonly MountStep[], path: AbsPath): boolean {
  return steps.some((step) => step.kind === "mask-directory" && contains(step.path, path));
}

function guardOf(place: Place, grants: RegionIndex<Region>, disk: DiskView): Guard {
  const all = [...place.tree, ...place.exact];
  return {
    path: place.path,
    origin: originOf(place),
    isWriteOnly: all.every(([action]) => changes.has(action)),
    forbidsRunning: all.some(([action]) => action === "ProcessSpawn"),
    brokerHolds: holdsByJudging(
      all.map(([action]) => action),
      leftAt(place, grants, disk),
    ),
  };
}

function originOf({ tree, exact }: Place): Origin {
  const [first] = [...tree.values(), ...exact.values()];
  if (first === undefined) throw new Error("broken invariant: a place without a forbidden action");
  return first;
}

/** The kernel starts programs, so where one can be read only a mount keeps it from running. */
function holdsByJudging(forbidden: readonly PathAction[], left: ReadonlySet<PathAction>): boolean {
  return !forbidden.includes("ProcessSpawn") || !left.has("FileRead");
}

/** What is granted at a place, in it when it is a directory. */
function leftAt({ path }: Place, grants: RegionIndex<Region>, disk: DiskView): Set<PathAction> {
  return disk.look(path).kind === "directory"
    ? leftBelow(grants, path)
    : leftIn(grants, exact(path));
}

function refusal(
  place: Place,
  only: readonly PathAction[],
  left: ReadonlySet<PathAction>,
): Finding {
  const first = only[0];
  const origin =
    first === undefined ? undefined : (place.tree.get(first) ?? place.exact.get(first));
  const also = left.has("FileWrite") ? "FileWrite" : "FileRead";
  return {
    origin,
    message: `${only.join(", ")} cannot be forbidden at "${place.path}" while ${[...left].join(", ")} stays granted there`,
    hint: `forbid ${also} there as well, or grant only the folders beside it`,
    brokerHolds: holdsByJudging(only, left),
    isRunning: only.includes("ProcessSpawn"),
  };
}
