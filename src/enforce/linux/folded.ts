// Where names that differ in case alone mean the same file. Rules are about the bytes of a name, so
// what one forbids by a name there is open by another spelling of it, whoever looks.

import { type AbsPath, parentOf } from "../../base/paths.ts";
import type { DiskView } from "./paths/disk-view.ts";
import type { Ban, Region } from "./paths/grants.ts";
import type { Guard, Protection } from "./protect.ts";

/** The first folder of that kind; undefined for none. */
export interface Folded {
  /** On the way to what is forbidden inside a grant. */
  readonly toForbidden: AbsPath | undefined;
  /** On the way to a protected name. */
  readonly toProtected: AbsPath | undefined;
}

export function foldedPlaces(
  held: {
    readonly grants: readonly Region[];
    readonly protection: Protection;
    readonly exceedsKernel: boolean;
  },
  bans: readonly Ban[],
  disk: DiskView,
): Folded {
  const { covered, guarded } = held.protection;
  // These are about names wherever something is granted.
  const isAnywhere = held.exceedsKernel && bans.some(isJudged);
  const anywhere = isAnywhere ? held.grants.map(({ shape }) => shape.path) : [];
  const forbidden = covered.filter(({ isWriteOnly }) => !isWriteOnly);
  const names = [...covered.filter(({ isWriteOnly }) => isWriteOnly), ...guarded];
  return {
    toForbidden: firstFolded([...forbidden.flatMap(foldersOver), ...anywhere.flatMap(wayTo)], disk),
    toProtected: firstFolded(names.flatMap(foldersOver), disk),
  };
}

function isJudged({ patterns, except }: Ban): boolean {
  return patterns.length > 0 || except.length > 0;
}

function firstFolded(folders: readonly AbsPath[], disk: DiskView): AbsPath | undefined {
  return [...new Set(folders)].find((folder) => disk.ignoresCase(folder));
}

function foldersOver({ path }: Guard): AbsPath[] {
  return wayTo(parentOf(path));
}

/** The path and the folders above it. */
function wayTo(path: AbsPath): AbsPath[] {
  const way = [path];
  for (let at = path; at !== "/"; at = parentOf(at)) way.push(parentOf(at));
  return way;
}
