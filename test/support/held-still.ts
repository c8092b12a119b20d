// Where a Seatbelt profile may deny what decide() allows: removing or making a name that some
// forbid applies to or below, or removing the very directory a grant hangs on. Written without the
// compiler: patterns are intersected by table.

import type { Atom, Capability } from "../../src/model/capability.ts";
import type { SbplAccess } from "./sbpl-evaluator.ts";

export function isHeldStill(
  capabilities: readonly Capability[],
  agent: string,
  access: SbplAccess,
): boolean {
  const { operation, path } = access;
  if (path === undefined) return false;
  const forbids = capabilities.filter((one) => one.effect === "forbid" && applies(one, agent));
  const reaching = forbids.filter(({ where }) => where.every((atom) => reaches(atom, path)));
  if (operation === "file-write-create") {
    return reaching.some(({ actions }) =>
      actions.some((action) => action === "FileWrite" || action === "DirCreate"),
    );
  }
  if (operation !== "file-write-unlink") return false;
  const isRoot = capabilities.some(
    (one) =>
      one.effect === "permit" &&
      applies(one, agent) &&
      one.where.some((atom) => atom.kind === "path-in" && !atom.negated && atom.path === path),
  );
  return reaching.length > 0 || isRoot;
}

function applies(capability: Capability, agent: string): boolean {
  return capability.agent === undefined || capability.agent === agent;
}

/** True when the atom can hold for `path` or something below it. */
function reaches(atom: Atom, path: string): boolean {
  switch (atom.kind) {
    case "path-in":
      return atom.negated || meet([atom.path], path) || meet(below(atom.path), path);
    case "path-equals":
      return atom.negated || meet([atom.path], path);
    case "path-like":
      return atom.negated || meet(atom.parts, path);
    default:
      return atom.negated;
  }
}

/** True when a string matches the pattern and is `path` or lies below it. */
function meet(parts: readonly string[], path: string): boolean {
  const pattern = tokens(parts);
  return intersect(pattern, tokens([path])) || intersect(pattern, tokens(below(path)));
}

function below(path: string): string[] {
  return [path === "/" ? "/" : `${path}/`, ""];
}

const star = Symbol("star");
type Token = string | typeof star;

function tokens(parts: readonly string[]): Token[] {
  return parts.flatMap((part, index): Token[] => (index === 0 ? [...part] : [star, ...part]));
}

/** True when some string matches both patterns. */
function intersect(a: readonly Token[], b: readonly Token[]): boolean {
  const seen = new Set<number>();
  const walk = (i: number, j: number): boolean => {
    const key = i * 1000 + j;
    if (seen.has(key)) return false;
    seen.add(key);
    if (i === a.length && j === b.length) return true;
    if (a[i] === star && walk(i + 1, j)) return true;
    if (b[j] === star && walk(i, j + 1)) return true;
    if (i === a.length || j === b.length) return false;
    if (a[i] === star) return walk(i, j + 1);
    if (b[j] === star) return walk(i + 1, j);
    return a[i] === b[j] && walk(i + 1, j + 1);
  };
  return walk(0, 0);
}
