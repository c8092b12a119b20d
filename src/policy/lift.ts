// Making room in a forbid over a folder for paths that were asked for by name.

import { contains } from "../base/paths.ts";
import type { Action, Atom, Capability } from "../model/capability.ts";

export interface Lifts {
  /** Paths that may be read in spite of the forbid. */
  readonly read: readonly string[];
  readonly written: readonly string[];
}

const readActions: readonly Action[] = ["FileRead", "DirList"];

/**
 * The forbid without the lifted paths, which count only at or below the folder it is about: reading
 * a whole home folder does not lift what is forbidden inside it. A forbid on anything but one
 * folder stays as it is.
 */
export function liftForbids(forbid: Capability, lifts: Lifts): readonly Capability[] {
  const [folder, ...more] = forbid.where;
  if (folder?.kind !== "path-in" || folder.negated || more.length > 0) return [forbid];
  const inside = (paths: readonly string[]): readonly string[] => [
    ...new Set(paths.filter((path) => contains(folder.path, path))),
  ];
  const read = inside(lifts.read);
  const written = inside(lifts.written);
  if (read.length === 0) return [forbid];
  const reading = forbid.actions.filter((action) => readActions.includes(action));
  const changing = forbid.actions.filter((action) => !readActions.includes(action));
  return [
    ...without({ ...forbid, actions: reading }, folder, read),
    ...without({ ...forbid, actions: changing }, folder, written),
  ];
}

function without(
  forbid: Capability,
  folder: Extract<Atom, { kind: "path-in" }>,
  lifted: readonly string[],
): readonly Capability[] {
  if (forbid.actions.length === 0 || lifted.includes(folder.path)) return [];
  const holes = lifted.map((path): Atom => ({ kind: "path-in", path, negated: true }));
  return [{ ...forbid, where: [folder, ...holes] }];
}
