// From a clause over paths to the Seatbelt filter that holds for exactly the same paths. Pure. A
// path a program used is absolute and normal by the time Seatbelt compares it, so an atom that
// names anything else never holds.

import { absPath, contains } from "../../base/paths.ts";
import type { Atom } from "../../model/capability.ts";
import { exactText, foldedText, likeRegex } from "./like-regex.ts";
import { all, always, type Filter, literal, never, not, regex, subpath } from "./sbpl.ts";

/**
 * How names are compared. `exact`: as the policy spells them. Folded: also in the other spellings a
 * volume treats as equal; for clauses where matching more grants less. Seatbelt compares the real
 * names of what exists, so `settled` names, which exist and are held in place, need no folding; a
 * name about to be made comes in the caller's spelling.
 */
export type Spelling = "exact" | { readonly settled: readonly string[] };

/** Which spelling each sign of atom takes in one clause. */
export interface ClauseSpelling {
  readonly plain: Spelling;
  readonly negated: Spelling;
}

export function clauseFilter(where: readonly Atom[], spelling: ClauseSpelling): Filter {
  return all(...where.map((atom) => signedAtom(atom, spelling)));
}

function signedAtom(atom: Atom, spelling: ClauseSpelling): Filter {
  // A path has neither host nor port, so a test on one does not hold, and its opposite does.
  const filter = isPathAtom(atom)
    ? atomFilter(atom, atom.negated ? spelling.negated : spelling.plain)
    : never;
  return atom.negated ? not(filter) : filter;
}

export type PathAtom = Extract<Atom, { kind: "path-in" | "path-equals" | "path-like" }>;

export function isPathAtom(atom: Atom): atom is PathAtom {
  return atom.kind === "path-in" || atom.kind === "path-equals" || atom.kind === "path-like";
}

/** The atom without its sign. */
export function atomFilter(atom: PathAtom, spelling: Spelling): Filter {
  switch (atom.kind) {
    case "path-in":
      return isNormal(atom.path) ? below(atom.path, spelling) : never;
    case "path-equals":
      return isNormal(atom.path) ? exactly(atom.path, spelling) : never;
    case "path-like":
      return likeFilter(atom.parts, spelling);
  }
}

/** Paths matching a `like` pattern. */
export function likeFilter(parts: readonly string[], spelling: Spelling): Filter {
  const first = parts[0] ?? "";
  if (parts.some((part) => part.includes("\0"))) return never;
  if (parts.length < 2) return isNormal(first) ? exactly(first, spelling) : never;
  if (parts.every((part) => part === "")) return always;
  if (first !== "" && !first.startsWith("/")) return never;
  const rest = parts.slice(1);
  if (first.endsWith("/") && rest.every((part) => part === "")) {
    // Everything below a directory, the directory itself not: Seatbelt has a filter that compares
    // real names.
    const directory = first === "/" ? "/" : first.slice(0, -1);
    if (directory === "/") return always;
    if (!isNormal(directory)) return never;
    return all(below(directory, spelling), not(literal(directory)));
  }
  const write = (text: string, isStart: boolean) => {
    // Up to its last slash the first piece names directories, after it a part of a name.
    const names = isStart ? text.slice(0, text.lastIndexOf("/")) : "";
    return spelled(names, spelling) + spelledPiece(text.slice(names.length), spelling);
  };
  return regex(likeRegex(parts, write));
}

function below(path: string, spelling: Spelling): Filter {
  const folded = spelled(path, spelling);
  return folded === exactText(path) ? subpath(path) : regex(`^${folded}(/|$)`);
}

function exactly(path: string, spelling: Spelling): Filter {
  const folded = spelled(path, spelling);
  return folded === exactText(path) ? literal(path) : regex(`^${folded}$`);
}

/** A whole path, or its first directories, as part of an expression. */
function spelled(path: string, spelling: Spelling): string {
  if (spelling === "exact") return exactText(path);
  let settled = 0;
  for (const directory of spelling.settled) {
    if (contains(path, directory)) return exactText(path);
    if (contains(directory, path)) settled = Math.max(settled, directory.length);
  }
  return exactText(path.slice(0, settled)) + foldedText(path.slice(settled));
}

function spelledPiece(text: string, spelling: Spelling): string {
  return spelling === "exact" ? exactText(text) : foldedText(text);
}

function isNormal(path: string): boolean {
  return absPath(path) === path;
}

/** The directories a path lies in, outermost first, without the root (nothing can move that). */
export function ancestorsOf(path: string): string[] {
  const names = path.split("/").slice(1, -1);
  const ancestors = names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`);
  return ancestors.filter(isNormal);
}
