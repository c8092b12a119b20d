// Keeps a forbid from being lifted by moving directories: `mv .git g; write g/hooks/x; mv g .git`
// never touches a forbidden name. Seatbelt has one operation for removing and for renaming away,
// and one for making and for renaming to, so what is held still here can neither be removed nor
// made either. Pure; only ever denies.

import type { Action, Atom, Capability } from "../../model/capability.ts";
import {
  ancestorsOf,
  atomFilter,
  type ClauseSpelling,
  clauseFilter,
  isPathAtom,
  likeFilter,
  type PathAtom,
  type Spelling,
} from "./path-filter.ts";
import type { Reach } from "./reach.ts";
import { all, always, any, type Filter, literal, not } from "./sbpl.ts";

/** What one forbid needs held still; each list is alternatives. */
export interface HeldStill {
  /** Not to be removed or renamed away: anything, directories alone. */
  readonly unlink: readonly Filter[];
  readonly unlinkDirectory: readonly Filter[];
  /** Not to be made or renamed to: anything, directories alone. */
  readonly create: readonly Filter[];
  readonly createDirectory: readonly Filter[];
}

/** Moving a file that may not be read or run makes it another file. */
const contentActions: readonly Action[] = ["FileRead", "ProcessSpawn"];
const secretActions: readonly Action[] = [...contentActions, "DirList"];
/**
 * Putting another directory in place of a forbidden name's parent changes what that name stands
 * for.
 */
const changeActions: readonly Action[] = ["FileWrite", "DirCreate"];

export interface MoveContext {
  readonly spelling: ClauseSpelling;
  /** Nothing is held that nobody could move anyway. */
  readonly reach: Reach;
}

export function heldStill({ actions, where }: Capability, context: MoveContext): HeldStill {
  const { spelling, reach } = context;
  const clause = clauseFilter(where, spelling);
  // A forbid on every path goes along with whatever is moved.
  if (clause.kind === "never" || clause.kind === "always") return nothingHeld;
  const listed = sealedNames(actions, where);
  if (listed.length > 0) return heldNames(listed, context);
  const has = (wanted: readonly Action[]) => actions.some((name) => wanted.includes(name));
  const own = (operation: Action, isWanted: boolean) =>
    isWanted && !has([operation]) && reach.meets(operation, where) ? [clause] : [];
  const isContent = has(contentActions);
  const isChange = has(changeActions);
  return {
    unlink: own("FileDelete", isContent),
    unlinkDirectory: [
      ...own("FileDelete", !isContent),
      ...movedParents(where, has(secretActions), context),
    ],
    create: isChange ? fixedParents(where, context) : [],
    createDirectory: own("DirCreate", isChange),
  };
}

/**
 * The programs of a sealed list. Everything else is forbidden to run, and goes on being so unless
 * it gets one of these names: only those are held, not every file that could be moved there.
 */
function sealedNames(actions: readonly Action[], where: readonly Atom[]): PathAtom[] {
  if (actions.some((action) => action !== "ProcessSpawn")) return [];
  const isList = where.every((atom) => atom.kind === "path-equals" && atom.negated);
  return isList ? where.filter(isPathAtom).map((atom) => ({ ...atom, negated: false })) : [];
}

function heldNames(names: readonly PathAtom[], context: MoveContext): HeldStill {
  const { reach, spelling } = context;
  const made = names.filter(
    (atom) => atom.kind !== "path-like" && reach.grants("FileWrite", atom.path),
  );
  return {
    ...nothingHeld,
    unlinkDirectory: names.flatMap((atom) => movedParents([atom], false, context)),
    create: [
      ...made.map((atom) => atomFilter(atom, spelling.plain)),
      ...names.flatMap((atom) => fixedParents([atom], context)),
    ],
  };
}

/**
 * The directories a grant to change things hangs on: replaced by a link, the next run would grant
 * what the link points to.
 */
export function heldRoots({ actions, where }: Capability, reach: Reach): HeldStill {
  if (!actions.some((name) => changeActions.includes(name))) return nothingHeld;
  const roots = where.flatMap((atom) =>
    atom.kind === "path-in" && !atom.negated && reach.grants("FileDelete", atom.path)
      ? [atomFilter({ ...atom, kind: "path-equals" }, "exact")]
      : [],
  );
  return { ...nothingHeld, unlinkDirectory: roots };
}

const nothingHeld: HeldStill = {
  unlink: [],
  unlinkDirectory: [],
  create: [],
  createDirectory: [],
};

/**
 * Names spelled out in the clause down to the last slash: directories that have to stay what they
 * are.
 */
function fixedParents(where: readonly Atom[], context: MoveContext): Filter[] {
  const { reach, spelling } = context;
  return eachAsFarAsOthers(where, context, (atom) => {
    if (atom.negated) return [];
    const parents = ancestorsOf(atom.kind === "path-like" ? (atom.parts[0] ?? "") : atom.path);
    return parents
      .filter((path) => reach.grants("FileWrite", path) || reach.grants("DirCreate", path))
      .map((path) => atomFilter({ kind: "path-equals", path, negated: false }, spelling.plain));
  });
}

/**
 * Directories that, moved, would take a name out of the clause. With `isSecret` all of them; else
 * without those that lie between the fixed pieces of a pattern (`/ws/` and `.pem` of `/ws/*.pem`),
 * which are too many to freeze for the sake of a name that could as well be copied aside.
 */
function movedParents(where: readonly Atom[], isSecret: boolean, context: MoveContext): Filter[] {
  if (!context.reach.meets("FileDelete", [])) return [];
  return eachAsFarAsOthers(where, context, (atom) => leavesWhenMoved(atom, isSecret, context));
}

/**
 * What `parentsOf` gives for each atom, as far as the clause's other atoms can hold there or below.
 */
function eachAsFarAsOthers(
  where: readonly Atom[],
  { spelling }: MoveContext,
  parentsOf: (atom: PathAtom) => readonly Filter[],
): Filter[] {
  const atoms = where.filter(isPathAtom);
  return atoms.flatMap((atom, index) => {
    const others = atoms.filter((_, other) => other !== index);
    const reached = others.map((other) => canHoldBelow(other, spelling.plain));
    return parentsOf(atom).map((parent) => all(parent, ...reached));
  });
}

/** Directories whose own name takes part in whether the atom holds for something below them. */
function leavesWhenMoved(atom: PathAtom, isSecret: boolean, context: MoveContext): Filter[] {
  const spelling = context.spelling.plain;
  if (atom.negated) {
    return isSecret && !isSuffix(atom) ? [canHoldBelow(atom, spelling)] : [];
  }
  if (atom.kind !== "path-like") {
    const parents = ancestorsOf(atom.path)
      .filter((path) => context.reach.grants("FileDelete", path))
      .map(literal);
    const canBeMoved = isSecret && context.reach.meets("FileDelete", [atom]);
    return canBeMoved ? [...parents, atomFilter(atom, spelling)] : parents;
  }
  const cuts = slashCuts(atom.parts, spelling);
  return isSecret ? [...cuts, ...starReach(atom.parts, spelling)] : cuts;
}

/**
 * Directories that hold, or can come to hold, something the atom holds for; may name a few more.
 */
function canHoldBelow(atom: PathAtom, spelling: Spelling): Filter {
  if (atom.negated) return atom.kind === "path-in" ? not(atomFilter(atom, "exact")) : always;
  if (atom.kind === "path-like") {
    if (isFloating(atom.parts)) return always;
    return any(...slashCuts(atom.parts, spelling), ...starReach(atom.parts, spelling));
  }
  return any(...ancestorsOf(atom.path).map(literal), atomFilter(atom, spelling));
}

/** `/a/*b/c` cut at each slash of its fixed pieces: `/a`, `/a/*b`. */
function slashCuts(parts: readonly string[], spelling: Spelling): Filter[] {
  const cuts: Filter[] = [];
  for (const [index, part] of parts.entries()) {
    for (let at = part.indexOf("/"); at !== -1; at = part.indexOf("/", at + 1)) {
      const cut = [...parts.slice(0, index), part.slice(0, at)];
      if (!isBlank(cut)) cuts.push(likeFilter(cut, spelling));
    }
  }
  return cuts;
}

/**
 * `/a/*b*c` cut inside each star: `/a/*`, `/a/*b*`. A leading star moves along with any directory.
 */
function starReach(parts: readonly string[], spelling: Spelling): Filter[] {
  return parts.slice(0, -1).flatMap((_, index) => {
    const head = parts.slice(0, index + 1);
    return isBlank(head) ? [] : [likeFilter([...head, ""], spelling)];
  });
}

function isFloating(parts: readonly string[]): boolean {
  return parts.length > 1 && parts[0] === "";
}

function isBlank(parts: readonly string[]): boolean {
  return parts.every((part) => part === "");
}

/** `*.pem`: looks at the last component alone, which a moved directory does not change. */
function isSuffix(atom: PathAtom): boolean {
  if (atom.kind !== "path-like" || !isFloating(atom.parts)) return false;
  const rest = atom.parts.slice(1);
  return rest.length === 1 && rest[0] !== "" && !rest[0]?.includes("/");
}
