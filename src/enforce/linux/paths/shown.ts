// Whether a box may be shown a file of its own launch. The plan is kept before there is such a
// file, so the question is asked about the folder it will lie in. Pure.

import { absPath, resolvePath } from "../../../base/paths.ts";
import type { BoxRequest } from "../../backend.ts";
import { remaining } from "./clause.ts";
import type { Regions } from "./grants.ts";
import { overlaps, type Shape } from "./shape.ts";

/**
 * False when a forbid on reading or listing reaches the folder: a grant of aegis' own must not be
 * the hole in somebody's rule.
 */
export function mayShow({ shownFolder }: BoxRequest, { bans }: Pick<Regions, "bans">): boolean {
  const path = shownFolder === undefined ? undefined : absPath(shownFolder);
  if (path === undefined) return false;
  const folder: Shape = { kind: "tree", path };
  const isRead = ({ action }: { readonly action: string }) =>
    action === "FileRead" || action === "DirList";
  const example: Shape = { kind: "exact", path: resolvePath(path, "1/1") };
  return !bans.some((ban) => {
    if (!isRead(ban) || !overlaps(ban.shape, folder)) return false;
    return ban.patterns.length === 0 || remaining(ban.patterns, example) !== undefined;
  });
}
