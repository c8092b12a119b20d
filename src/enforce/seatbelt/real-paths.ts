// Capabilities over the paths Seatbelt sees: real ones, with every link resolved (`/tmp` is
// `/private/tmp`). A link the box may replace must not move a forbid away from its name, so tests
// that grant less the more they match keep the name as written as well. Reads the disk through
// DiskView alone.

import { type AbsPath, absPath, parentOf } from "../../base/paths.ts";
import type { Action, Atom, Capability } from "../../model/capability.ts";
import type { DiskView } from "../linux/paths/disk-view.ts";
import { isPathAtom, type PathAtom } from "./path-filter.ts";

export interface RealCapabilities {
  readonly capabilities: readonly Capability[];
  /**
   * What exists and is held in place, by its real name: what the tests that grant less can be
   * anchored to.
   */
  readonly settled: readonly string[];
}

export function realCapabilities(
  capabilities: readonly Capability[],
  disk: DiskView,
): RealCapabilities {
  const settled = new Set<string>();
  const real = capabilities.flatMap((capability) => {
    const isForbid = capability.effect === "forbid";
    const holdsFiles = isForbid && capability.actions.some((action) => holding.includes(action));
    for (const atom of capability.where) {
      if (isForbid !== atom.negated) addSettled(atom, disk, { settled, holdsFiles });
    }
    return isForbid ? realForbid(capability, disk) : [realPermit(capability, disk)];
  });
  return { capabilities: real, settled: [...settled] };
}

/** What it grants, under the real names; what it takes back, under both. */
function realPermit(permit: Capability, disk: DiskView): Capability {
  const where = permit.where.flatMap((atom) => {
    const real = realAtom(atom, disk);
    return atom.negated && !isSame(atom, real) ? [atom, real] : [real];
  });
  return { ...permit, where };
}

/**
 * Under the real names, and where those differ once more as written; exceptions count for the real
 * names alone.
 */
function realForbid(forbid: Capability, disk: DiskView): Capability[] {
  const real = forbid.where.map((atom) => realAtom(atom, disk));
  const written = forbid.where.map((atom, index) => (atom.negated ? (real[index] ?? atom) : atom));
  const isOne = written.every((atom, index) => isSame(atom, real[index]));
  const variants = isOne ? [real] : [real, written];
  return variants.map((where) => ({ ...forbid, where }));
}

function realAtom(atom: Atom, disk: DiskView): Atom {
  if (!isPathAtom(atom)) return atom;
  const path = directoryOf(atom);
  if (path === undefined) return atom;
  const { place } = disk.look(path);
  if (place === path) return atom;
  if (atom.kind !== "path-like") return { ...atom, path: place };
  const [first = "", ...rest] = atom.parts;
  const head = place === "/" ? "" : place;
  return { ...atom, parts: [head + first.slice(path === "/" ? 0 : path.length), ...rest] };
}

/**
 * The path an atom names, or the directory its pattern starts in; undefined when it names none on
 * this disk.
 */
function directoryOf(atom: PathAtom): AbsPath | undefined {
  const first = atom.kind === "path-like" ? (atom.parts[0] ?? "") : atom.path;
  const isPattern = atom.kind === "path-like" && atom.parts.length > 1;
  const named = isPattern ? first.slice(0, first.lastIndexOf("/")) || "/" : first;
  if (isPattern && !first.startsWith("/")) return undefined;
  const path = absPath(named);
  return path === named ? path : undefined;
}

/** Forbids that keep a file from being removed, and so from coming back in another spelling. */
const holding: readonly Action[] = ["FileDelete", "FileRead", "ProcessSpawn"];

function addSettled(
  atom: Atom,
  disk: DiskView,
  { settled, holdsFiles }: { readonly settled: Set<string>; readonly holdsFiles: boolean },
): void {
  const named = isPathAtom(atom) ? directoryOf(atom) : undefined;
  if (named === undefined) return;
  let path = named;
  let fact = disk.look(path);
  const isHeldFile = holdsFiles && fact.kind === "file";
  while (!isHeldFile && fact.kind !== "directory" && path !== "/") {
    path = parentOf(path);
    fact = disk.look(path);
  }
  settled.add(fact.place);
}

function isSame(a: Atom, b: Atom | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
