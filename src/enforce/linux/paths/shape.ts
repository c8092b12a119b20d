// Sets of paths a kernel rule can mean: one path, a directory with all below it, or only what is
// below it. Intersections of shapes are shapes, which is what makes lowering exact. Text only;
// links are resolved before (disk.ts).

import { type AbsPath, absPath, contains } from "../../../base/paths.ts";
import { assert } from "../../../base/result.ts";
import type { Atom } from "../../../model/capability.ts";
import { isLike, simplifyParts } from "../../../policy/like.ts";

export interface Shape {
  /** `below` is what Cedar's `like "/dir/*"` means: every descendant, but not the directory. */
  readonly kind: "exact" | "tree" | "below";
  readonly path: AbsPath;
}

const root = absPath("/");
assert(root !== undefined, "the root is an absolute path");

export const everything: Shape = { kind: "tree", path: root };

export function covers(outer: Shape, inner: Shape): boolean {
  if (!contains(outer.path, inner.path)) return false;
  if (outer.path !== inner.path) return outer.kind !== "exact";
  if (outer.kind === "tree") return true;
  return outer.kind === inner.kind;
}

/** The paths in both; undefined when there is none. */
export function intersect(a: Shape, b: Shape): Shape | undefined {
  if (covers(a, b)) return b;
  if (covers(b, a)) return a;
  return undefined;
}

export function overlaps(a: Shape, b: Shape): boolean {
  return intersect(a, b) !== undefined;
}

export function isPathAtom(atom: Atom): atom is PathAtom {
  return atom.kind === "path-in" || atom.kind === "path-equals" || atom.kind === "path-like";
}

/** What a path atom stands for when it is not negated. */
export type AtomMeaning =
  | { readonly kind: "shape"; readonly shape: Shape }
  | { readonly kind: "glob"; readonly parts: readonly string[] }
  /** No absolute path satisfies it. */
  | { readonly kind: "nothing" };

export type PathAtom = Extract<Atom, { kind: "path-in" | "path-equals" | "path-like" }>;

export function meaningOf(atom: PathAtom): AtomMeaning {
  if (atom.kind === "path-in") return shapeAt("tree", atom.path);
  if (atom.kind === "path-equals") return shapeAt("exact", atom.path);
  const parts = simplifyParts(atom.parts);
  const [first, second, third] = parts;
  if (first === undefined || second === undefined) return shapeAt("exact", first ?? "");
  if (second === "" && third === undefined) {
    if (first === "" || first === "/") return { kind: "shape", shape: everything };
    if (first.endsWith("/")) return shapeAt("below", first.slice(0, -1));
  }
  if (first !== "" && folderOf(parts) === undefined) return { kind: "nothing" };
  return { kind: "glob", parts };
}

/** The folder a pattern names before its first star; undefined when it names none. */
export function folderOf(parts: readonly string[]): AbsPath | undefined {
  const [first = ""] = parts;
  const text = first.slice(0, first.lastIndexOf("/") + 1);
  const folder = absPath(text);
  return folder !== undefined && `${folder}/`.replace("//", "/") === text ? folder : undefined;
}

/** Every path a pattern that names `folder` can match. */
export function inFolder(folder: AbsPath): Shape {
  return folder === everything.path ? everything : { kind: "below", path: folder };
}

/** Paths are compared in their normal form; a pattern that is none matches nothing. */
function shapeAt(kind: Shape["kind"], path: string): AtomMeaning {
  const normal = absPath(path);
  if (normal === undefined || normal !== path) return { kind: "nothing" };
  return { kind: "shape", shape: { kind, path: normal } };
}

/** False only when no path of `shape` can match the pattern. */
export function mayMatch(parts: readonly string[], shape: Shape): boolean {
  if (shape.kind === "exact") return isLike(parts, shape.path);
  const literal = parts[0] ?? "";
  const inside = shape.path === "/" ? "/" : `${shape.path}/`;
  if (literal.startsWith(inside) || inside.startsWith(literal)) return true;
  return shape.kind === "tree" && isLike(parts, shape.path);
}
