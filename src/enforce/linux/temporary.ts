// Where a box keeps temporary and shared memory files: in file systems of its own over /tmp and
// /dev/shm, or in a folder of the user's. Never in the host's /tmp, unless the policy names that:
// other programs keep their sockets there, and whoever may write there can talk to them.

import { type AbsPath, contains, resolvePath } from "../../base/paths.ts";
import type { Action, Atom, Capability } from "../../model/capability.ts";
import { socketsSource } from "../../policy/layers.ts";
import { mentions, moved } from "../../policy/move-place.ts";
import type { BoxRequest } from "../backend.ts";
import { type HostFeatures, has } from "./features.ts";
import type { DiskView } from "./paths/disk-view.ts";
import { absentGrants, isMeant, type Region, regionsOf } from "./paths/grants.ts";
import { covers, everything, isPathAtom, meaningOf } from "./paths/shape.ts";

export interface FreshPlace {
  readonly path: AbsPath;
  readonly sizeBytes: bigint;
}

export interface Temporary {
  /** With the folder for temporary files where it really is. */
  readonly capabilities: readonly Capability[];
  /** Places the box gets file systems of its own over. */
  readonly fresh: readonly FreshPlace[];
  /** What is the host's in them all the same, because the policy grants it: existing paths. */
  readonly returned: readonly AbsPath[];
  /** What programs are told to use; undefined: the policy lets nothing be written to one. */
  readonly folder: string | undefined;
  /** The folder is the one the request has. */
  readonly isOwn: boolean;
  /** Why one of the places is the host's though the kernel could give the box its own. */
  readonly shared: readonly string[];
}

const temporaryPath = resolvePath(everything.path, "tmp");
const sharedPath = resolvePath(everything.path, "dev/shm");
/** Room for temporary files: memory is only taken for what is written. */
const temporarySizeBytes = 4n << 30n;
const sharedSizeBytes = 1n << 30n;

export function temporaryOf(
  request: BoxRequest,
  capabilities: readonly Capability[],
  host: HostFeatures,
  disk: DiskView,
): Temporary {
  const own = request.temporary?.path;
  const wanted = has(host, "mount namespace")
    ? placesFor(capabilities, own, disk).filter(({ isWritten }) => isWritten)
    : [];
  const judged = wanted.map((place) => ({ place, why: whyShared(place, request, host) }));
  const fresh = judged.flatMap(({ place, why }) => (why === undefined ? [place] : []));
  const shared = judged.flatMap(({ place: { path }, why }) =>
    why === undefined ? [] : [`${path} is the host's: ${why}`],
  );
  const meant = capabilities.filter(
    (one) => !judged.some(({ place, why }) => isMisled(one, place, why, request, disk)),
  );
  const tmp = fresh.find(({ isTemporary }) => isTemporary);
  const isOwn = own !== undefined && tmp === undefined && isWritable(capabilities, own, disk);
  return {
    capabilities: meant.flatMap((capability) => settled(capability, fresh, own, disk)),
    fresh: fresh.map(({ path, sizeBytes }) => ({ path, sizeBytes })),
    returned: fresh.flatMap((place) => place.returned),
    folder: isOwn ? own : tmp && temporaryPath,
    isOwn,
    shared,
  };
}

interface Place extends FreshPlace {
  readonly isTemporary: boolean;
  /** The box gets to write there without anybody having named the host's. */
  readonly isWritten: boolean;
  /** Grants of what is the host's: all but those of the folder for temporary files. */
  readonly grants: readonly Region[];
  readonly returned: readonly AbsPath[];
  /** A link in it that a rule goes through. */
  readonly link: AbsPath | undefined;
}

function placesFor(
  capabilities: readonly Capability[],
  own: string | undefined,
  disk: DiskView,
): readonly Place[] {
  const permits = capabilities.filter(({ effect }) => effect === "permit");
  const hosts = permits.filter((one) => own === undefined || !mentions(one, own));
  const known = regionsOf(hosts, disk).grants;
  const grants = [...known, ...absentGrants(known, disk)];
  const place = (named: AbsPath, sizeBytes: bigint): Place[] => {
    const isTemporary = named === temporaryPath;
    const { place: path, kind } = disk.look(named);
    if (kind !== "directory") return [];
    const isWritten =
      (isTemporary && own !== undefined && permits.some((one) => writesAll(one, own))) ||
      known.some((grant) => writesIn(grant, path) && !isMeant(grant.origin));
    const inside = grants.map(({ shape }) => shape.path).filter((at) => isBelow(at, path));
    const returned = outermost(inside.filter((at) => disk.look(at).kind !== "absent"));
    const link = hosts
      .filter(({ origin }) => isMeant(origin))
      .flatMap(({ where }) => where.flatMap((atom) => linksTo(atom, disk)))
      .find((at) => isBelow(at, path) && !returned.some((root) => contains(root, at)));
    return [{ path, sizeBytes, isTemporary, isWritten, grants, returned, link }];
  };
  const temporary = place(temporaryPath, temporarySizeBytes);
  const memory = place(sharedPath, sharedSizeBytes);
  return [...temporary, ...memory.filter(({ path }) => path !== temporary[0]?.path)];
}

function linksTo(atom: Atom, disk: DiskView): readonly AbsPath[] {
  if (!isPathAtom(atom) || atom.negated) return [];
  const meaning = meaningOf(atom);
  return meaning.kind === "shape" ? disk.look(meaning.shape.path).links : [];
}

/** A folder as a whole: what a rule says of it alone is no wish for a place to write. */
function writesAll({ actions, where }: Capability, folder: string): boolean {
  return actions.includes("FileWrite") && where.some((atom) => isFolder(atom, folder));
}

function isFolder(atom: Atom, folder: string): boolean {
  if (!isPathAtom(atom) || atom.negated) return false;
  const meaning = meaningOf(atom);
  return (
    meaning.kind === "shape" && meaning.shape.kind !== "exact" && meaning.shape.path === folder
  );
}

function writesIn({ action, shape, isWider }: Region, place: AbsPath): boolean {
  return action === "FileWrite" && shape.kind !== "exact" && shape.path === place && !isWider;
}

/**
 * Somebody means the host's own place: a rule names it, names what is to be made in it or a link
 * in it, or it is the folder that is worked in.
 */
function whyShared(
  { path: place, grants, returned, link }: Place,
  { workspace, home }: BoxRequest,
  host: HostFeatures,
): string | undefined {
  if (link !== undefined) return `a rule goes through the link "${link}"`;
  // A read-only mount does not keep anybody from the sockets in it.
  if (returned.length > 0 && !has(host, "notify")) {
    const why = `cannot be kept apart from the rest: ${host.lacks.notify}`;
    return `"${returned[0]}" in it is granted, and ${why}`;
  }
  for (const { shape, origin, isWider } of grants) {
    if (shape.path !== place) continue;
    if (place === workspace) return "it is the working folder";
    if (isMeant(origin)) {
      return `rule "${origin.rule}" names it, or what would be made in it`;
    }
    if (place === home && !isWider) return "it is the home folder";
  }
  return undefined;
}

/**
 * A permit on the folder for temporary files as it holds in the box: on the box's own place, and
 * not on what of the host is put back into it.
 */
function settled(
  capability: Capability,
  fresh: readonly Place[],
  own: string | undefined,
  disk: DiskView,
): readonly Capability[] {
  const isOwn = own !== undefined && mentions(capability, own);
  const tmp = fresh.find(({ isTemporary }) => isTemporary);
  const there =
    own !== undefined && tmp !== undefined ? moved(capability, own, tmp.path) : capability;
  if (capability.effect === "forbid") return isOfOthers(there, fresh) ? [] : [there];
  const returned = fresh.flatMap((place) =>
    (place.isTemporary && isOwn) || isAssumed(capability, place.path, disk) ? place.returned : [],
  );
  return returned.length === 0 ? [there] : leavingOut(there, returned, disk);
}

/**
 * A forbid about sockets of the host's sessions, in a place that is the box's own: there is none
 * but those the box makes.
 */
function isOfOthers({ where, origin }: Capability, fresh: readonly Place[]): boolean {
  if (origin.source !== socketsSource) return false;
  return where.some((atom) => {
    if ((atom.kind !== "path-in" && atom.kind !== "path-like") || atom.negated) return false;
    const start = atom.kind === "path-in" ? atom.path : (atom.parts[0] ?? "");
    const place = fresh.find(({ path }) => isBelow(start, path));
    const isNear = (path: AbsPath) =>
      contains(path, start) ||
      (atom.kind === "path-in" ? contains(start, path) : path.startsWith(start));
    return place !== undefined && !place.returned.some(isNear);
  });
}

/** A permit for a private place that is the host's here, and that nobody works in. */
function isMisled(
  capability: Capability,
  { path }: Place,
  why: string | undefined,
  { workspace, home }: BoxRequest,
  disk: DiskView,
): boolean {
  if (why === undefined || capability.effect === "forbid") return false;
  return path !== workspace && path !== home && isAssumed(capability, path, disk);
}

/** Profiles and templates write to places by their names, as to private ones. */
function isAssumed({ where, origin }: Capability, place: AbsPath, disk: DiskView): boolean {
  return (
    !isMeant(origin) &&
    where.some((atom) => {
      if (!isPathAtom(atom) || atom.negated) return false;
      const meaning = meaningOf(atom);
      return meaning.kind === "shape" && disk.look(meaning.shape.path).place === place;
    })
  );
}

/**
 * Running is not left out: who may read a program in there and write beside it could copy it, and
 * only a mount would keep it from running.
 */
function leavingOut(
  capability: Capability,
  places: readonly AbsPath[],
  disk: DiskView,
): readonly Capability[] {
  const isFolderAt = (path: AbsPath) => disk.look(path).kind === "directory";
  const parts: readonly (readonly [ReadonlySet<Action>, readonly AbsPath[]])[] = [
    [aboutContent, places],
    [aboutFolders, places.filter(isFolderAt)],
  ];
  const others = capability.actions.filter((one) => !parts.some(([about]) => about.has(one)));
  return [
    ...parts.map(([about, out]) => ({
      ...capability,
      actions: capability.actions.filter((action) => about.has(action)),
      where: [
        ...capability.where,
        ...out.map((path) => {
          const kind = isFolderAt(path) ? ("path-in" as const) : ("path-equals" as const);
          return { kind, path, negated: true };
        }),
      ],
    })),
    { ...capability, actions: others },
  ].filter(({ actions }) => actions.length > 0);
}

const aboutContent: ReadonlySet<Action> = new Set(["FileRead", "FileWrite", "FileDelete"]);
const aboutFolders: ReadonlySet<Action> = new Set(["DirCreate", "DirList"]);

function isWritable(capabilities: readonly Capability[], folder: AbsPath, disk: DiskView): boolean {
  const permits = capabilities.filter(({ effect }) => effect === "permit");
  const itself = { kind: "exact", path: folder } as const;
  return regionsOf(permits, disk).grants.some(
    ({ action, shape, isWider }) => action === "FileWrite" && !isWider && covers(shape, itself),
  );
}

function outermost(paths: readonly AbsPath[]): readonly AbsPath[] {
  const all = [...new Set(paths)].sort((a, b) => (a < b ? -1 : 1));
  return all.filter((path) => !all.some((other) => isBelow(path, other)));
}

function isBelow(path: string, directory: string): boolean {
  return path !== directory && contains(directory, path);
}
