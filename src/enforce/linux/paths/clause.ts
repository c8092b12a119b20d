// One clause of a capability as a set of paths: a shape, what is left out of it, and the patterns
// that no shape can say. Links are resolved here, so that what follows is about real places.

import { type AbsPath, parentOf, resolvePath } from "../../../base/paths.ts";
import type { Atom } from "../../../model/capability.ts";
import { isLike } from "../../../policy/like.ts";
import type { DiskView } from "./disk-view.ts";
import {
  covers,
  everything,
  folderOf,
  inFolder,
  intersect,
  isPathAtom,
  mayMatch,
  meaningOf,
  overlaps,
  type Shape,
} from "./shape.ts";

export interface Pattern {
  readonly parts: readonly string[];
  readonly negated: boolean;
}

export interface Clause {
  readonly base: Shape;
  readonly except: readonly Shape[];
  /** What a path of `base` must match, or must not, besides. */
  readonly patterns: readonly Pattern[];
  /**
   * Places of links that were given as paths; forbids hold for the name as well as for what it
   * leads to.
   */
  readonly linkNames: readonly Shape[];
  /** The path that decided `base`, as it was written, and the links on the way to it. */
  readonly asked: AbsPath;
  readonly links: readonly AbsPath[];
}

/** Where the folder of a pattern is looked for: where it leads, or where its name lies. */
export type PatternSpelling = "place" | "name";

/**
 * Undefined when no path satisfies the clause. An atom on a host or a port does not hold for a
 * path, so its negation does.
 */
export function clauseOf(
  where: readonly Atom[],
  disk: DiskView,
  spelling: PatternSpelling = "place",
): Clause | undefined {
  const found: Building = { except: [], patterns: [], linkNames: [], links: [] };
  let base: Shape | undefined = everything;
  let asked = everything.path;
  for (const atom of where) {
    if (!isPathAtom(atom)) {
      if (atom.negated) continue;
      return;
    }
    const meaning = meaningOf(atom);
    if (meaning.kind === "nothing") {
      if (atom.negated) continue;
      return;
    }
    const { shape, from } =
      meaning.kind === "glob"
        ? patternShape(meaning.parts, atom.negated, spelling, found, disk)
        : placeShape(meaning.shape, disk);
    if (atom.negated) {
      if (meaning.kind === "shape") found.except.push(shape);
      continue;
    }
    const common = intersect(base, shape);
    if (common === undefined) return;
    if (common === shape && from !== undefined) {
      asked = from;
      const { links } = disk.look(from);
      found.links.push(...links);
      const name = namePlace(asked, disk);
      if (links.includes(name)) found.linkNames.push({ kind: "exact", path: name });
    }
    base = common;
  }
  return settle({ ...found, base, asked });
}

interface Building {
  readonly except: Shape[];
  readonly patterns: Pattern[];
  readonly linkNames: Shape[];
  readonly links: AbsPath[];
}

interface Found {
  readonly shape: Shape;
  /** The path whose links decided the shape. */
  readonly from: AbsPath | undefined;
}

function placeShape({ kind, path }: Shape, disk: DiskView): Found {
  return { shape: { kind, path: disk.look(path).place }, from: path };
}

function patternShape(
  parts: readonly string[],
  negated: boolean,
  spelling: PatternSpelling,
  found: Building,
  disk: DiskView,
): Found {
  // A pattern that leaves something out of a clause is taken as it is written: it must not leave
  // out more because of a link.
  const real = spelling === "place" && !negated ? realParts(parts, disk) : parts;
  found.patterns.push({ parts: real, negated });
  const folder = folderOf(real);
  return {
    shape: folder === undefined ? everything : inFolder(folder),
    from: real === parts ? undefined : folderOf(parts),
  };
}

/** The pattern with the folder it names where that leads; the same array when that is itself. */
export function realParts(parts: readonly string[], disk: DiskView): readonly string[] {
  const folder = folderOf(parts);
  if (folder === undefined || folder === everything.path) return parts;
  const { place } = disk.look(folder);
  if (place === folder) return parts;
  const [first = "", ...rest] = parts;
  const name = first.slice(folder.length + 1);
  return [`${place === everything.path ? "" : place}/${name}`, ...rest];
}

/**
 * Decides patterns that one exact path answers, and drops exceptions and patterns that concern no
 * path of the clause.
 */
function settle(clause: Clause): Clause | undefined {
  const { base } = clause;
  if (clause.except.some((shape) => covers(shape, base))) return undefined;
  const except = clause.except.filter((shape) => overlaps(shape, base));
  const patterns = remaining(clause.patterns, base);
  return patterns === undefined ? undefined : { ...clause, except, patterns };
}

/** The patterns that are still open on `shape`; undefined when none of its paths satisfies all. */
export function remaining(
  patterns: readonly Pattern[],
  shape: Shape,
): readonly Pattern[] | undefined {
  const open: Pattern[] = [];
  for (const pattern of patterns) {
    if (shape.kind === "exact") {
      if (isLike(pattern.parts, shape.path) === pattern.negated) return undefined;
    } else if (mayMatch(pattern.parts, shape)) open.push(pattern);
    else if (!pattern.negated) return undefined;
  }
  return open;
}

/** Where the name `path` lies, links of its parents resolved, itself not followed. */
export function namePlace(path: AbsPath, disk: DiskView): AbsPath {
  const folder = disk.look(parentOf(path)).place;
  return resolvePath(folder, path.slice(path.lastIndexOf("/") + 1));
}
