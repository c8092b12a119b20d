// What a learned policy grants while it grows: exact paths and folders, each folder with the reason
// why exact paths would not do. A folder stands for itself and everything below. Pure.

import { type AbsPath, contains, parentOf } from "../../base/paths.ts";
import type { PathAction } from "../../model/capability.ts";

export interface FolderGrant {
  readonly path: AbsPath;
  readonly action: PathAction;
  /** Why no exact path would do; a clause that goes on after "it". */
  readonly reason: string;
}

export interface ExactGrant {
  readonly path: AbsPath;
  readonly action: PathAction;
}

export class GrantSet {
  readonly #folders = new Map<AbsPath, Map<PathAction, string>>();
  readonly #exact = new Map<AbsPath, Set<PathAction>>();

  addExact(path: AbsPath, action: PathAction): void {
    const actions = this.#exact.get(path) ?? new Set();
    this.#exact.set(path, actions.add(action));
  }

  /** The first reason is kept. False when nothing is new. */
  addFolder({ path, action, reason }: FolderGrant): boolean {
    if (this.coveredByFolder(path, action)) return false;
    const reasons = this.#folders.get(path) ?? new Map<PathAction, string>();
    this.#folders.set(path, reasons.set(action, reason));
    return true;
  }

  coveredByFolder(path: AbsPath, action: PathAction): boolean {
    for (const place of selfAndAbove(path)) if (this.#folders.get(place)?.has(action)) return true;
    return false;
  }

  grants(path: AbsPath, action: PathAction): boolean {
    return this.#exact.get(path)?.has(action) === true || this.coveredByFolder(path, action);
  }

  /** True when `action` is granted at `path` or at something below it. */
  reachesInto(path: AbsPath, action: PathAction): boolean {
    if (this.grants(path, action)) return true;
    const isInside = ([place, actions]: readonly [string, { has(action: PathAction): boolean }]) =>
      actions.has(action) && contains(path, place);
    return [...this.#exact].some(isInside) || [...this.#folders].some(isInside);
  }

  /** Exact grants that no folder covers, sorted. */
  exact(): readonly ExactGrant[] {
    const all = [...this.#exact].flatMap(([path, actions]) =>
      [...actions].map((action) => ({ path, action })),
    );
    return all.filter(({ path, action }) => !this.coveredByFolder(path, action)).sort(byPlace);
  }

  /** Folders that no folder above covers, sorted. */
  folders(): readonly FolderGrant[] {
    const all = [...this.#folders].flatMap(([path, reasons]) =>
      [...reasons].map(([action, reason]) => ({ path, action, reason })),
    );
    return all
      .filter(({ path, action }) => path === "/" || !this.coveredByFolder(parentOf(path), action))
      .sort(byPlace);
  }
}

/** From the path itself up to the root. */
export function* selfAndAbove(path: AbsPath): Iterable<AbsPath> {
  for (let at = path; ; at = parentOf(at)) {
    yield at;
    if (at === "/") return;
  }
}

function byPlace(a: ExactGrant, b: ExactGrant): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.action < b.action ? -1 : 1;
}
