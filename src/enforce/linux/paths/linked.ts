// Files a rule forbids to read that have other names: hard links. A mount covers one name, and
// Landlock grants by the folder a name is in, so whoever opens by itself reads such a file by
// another name. The broker knows it under all of them. Pure, given what the disk looks like.

import { isLike } from "../../../policy/like.ts";
import type { DiskView } from "./disk-view.ts";
import type { Ban } from "./grants.ts";
import { covers, type Shape } from "./shape.ts";

/**
 * Names looked at in all; each is looked at again on every launch, a microsecond for one. Above it
 * a plan is made as if there were one with several.
 */
export const surveyedMax = 200;

/** True when a file that may not be read has, or could have, a name that no forbid is about. */
export function readsByOtherNames(bans: readonly Ban[], disk: DiskView): boolean {
  const reading = bans.filter(({ action }) => action === "FileRead");
  let left = surveyedMax;
  for (const ban of outermost(reading)) {
    const survey = disk.survey(ban.shape.path, left);
    if (survey === undefined) return true;
    left -= survey.files.length + survey.folders.length;
    const isLinked = survey.files.some(
      ({ path, names }) => names === "several" && reading.some((each) => isForbidden(each, path)),
    );
    if (isLinked) return true;
  }
  return false;
}

/** What is below another one is looked at with it. */
function outermost(bans: readonly Ban[]): Ban[] {
  const kept: Ban[] = [];
  for (const ban of bans.toSorted((a, b) => a.shape.path.length - b.shape.path.length)) {
    if (!kept.some(({ shape }) => covers(tree(shape), ban.shape))) kept.push(ban);
  }
  return kept;
}

function tree({ path }: Shape): Shape {
  return { kind: "tree", path };
}

function isForbidden({ shape, except, patterns }: Ban, path: Shape["path"]): boolean {
  const file: Shape = { kind: "exact", path };
  return (
    covers(shape, file) &&
    !except.some((out) => covers(out, file)) &&
    patterns.every(({ parts, negated }) => isLike(parts, path) !== negated)
  );
}
