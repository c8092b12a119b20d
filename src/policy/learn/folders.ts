// Two ways in which exact grants become folders: files that are moved or linked need the same
// rights at both names, and many files read beside each other are granted as what they lie in.
// Pure.

import { type AbsPath, parentOf } from "../../base/paths.ts";
import type { PathAction } from "../../model/capability.ts";
import type { GrantSet } from "./grants.ts";
import { isVain, type SeenPath } from "./seen.ts";

/** More files read in one folder than this, and the folder is granted for reading. */
export const siblingsMax = 16;
/** In a folder that was listed as well, from this many on. */
export const listedSiblingsMin = 4;

/**
 * Rights that must not grow by a move: reading and writing by the helper's rule, running by
 * Landlock's.
 */
const carried = ["FileRead", "FileWrite", "ProcessSpawn"] as const satisfies readonly PathAction[];

/**
 * Which source went to which target is not recorded, so all moves of one program are taken
 * together.
 * @param folderOf the folder in which a name's making and removing is granted
 */
export function closeUnderMoves(
  grants: GrantSet,
  seen: readonly SeenPath[],
  folderOf: (path: AbsPath) => AbsPath,
): void {
  const moves = [...movesByProgram(seen).values()];
  // Each round can only add to a finite set; a move may feed another.
  for (let grew = true; grew; ) {
    grew = false;
    for (const { from, to, linked } of moves) {
      const folders = new Set([...from, ...to].map(folderOf));
      for (const action of folders.size > 1 ? (["FileWrite", "FileDelete"] as const) : [])
        for (const path of folders)
          grew = grants.addFolder({ path, action, reason: "moves names between folders" }) || grew;
      for (const action of carried) {
        if (!to.some((path) => grants.reachesInto(path, action))) continue;
        for (const path of from.map(folderOf))
          grew = grants.addFolder({ path, action, reason: moveReasons[action] }) || grew;
        for (const path of linked) {
          if (grants.grants(path, action)) continue;
          grants.addExact(path, action);
          grew = true;
        }
      }
    }
  }
}

const moveReasons: Readonly<Record<(typeof carried)[number], string>> = {
  FileRead: "moves files from there to where it reads them",
  FileWrite: "moves files from there to where it writes them",
  ProcessSpawn: "moves files from there to where it runs them",
};

interface Moves {
  readonly from: AbsPath[];
  readonly to: AbsPath[];
  /** Sources of hard links. */
  readonly linked: AbsPath[];
}

function movesByProgram(seen: readonly SeenPath[]): ReadonlyMap<string, Moves> {
  const programs = new Map<string, Moves>();
  for (const access of seen) {
    const { action, path, flags, exe } = access;
    if (!/^(rename|link)/.test(flags) || isVain(access)) continue;
    const moves = programs.get(exe) ?? { from: [], to: [], linked: [] };
    programs.set(exe, moves);
    if (action === "FileDelete") moves.from.push(path);
    else if (action === "FileWrite") moves.to.push(path);
    else moves.linked.push(path);
  }
  return programs;
}

/** @param isKept folders that must not be granted as a whole */
export function collapseReads(grants: GrantSet, isKept: (folder: string) => boolean): void {
  const children = new Map<AbsPath, Set<AbsPath>>();
  const note = (path: AbsPath): void => {
    const folder = parentOf(path);
    children.set(folder, (children.get(folder) ?? new Set()).add(path));
  };
  for (const { path, action } of grants.exact()) if (action === "FileRead") note(path);
  // Deepest first, so that a collapsed folder counts among what is read in the folder above it.
  const depth = (path: string) => path.split("/").length;
  const queue = [...children.keys()].sort((a, b) => depth(b) - depth(a));
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const read = children.get(path)?.size ?? 0;
    const isListed = grants.coveredByFolder(path, "DirList");
    const isMany = read > siblingsMax || (isListed && read >= listedSiblingsMin);
    if (!isMany || depth(path) < shallowest || isKept(path)) continue;
    const among = isListed ? "lists it and reads" : "reads";
    const more = read > siblingsMax ? `, more than ${siblingsMax}` : "";
    grants.addFolder({ path, action: "FileRead", reason: `${among} ${read} files in it${more}` });
    const above = parentOf(path);
    if (!children.has(above)) queue.push(above);
    note(path);
  }
}

/** `/a/b` and what is deeper: a folder of the root is never granted for being read in much. */
const shallowest = 3;
