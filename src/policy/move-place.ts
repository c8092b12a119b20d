// Capabilities with one folder of Cedar's `context` in another place: what a policy says of the
// folder for temporary files is compiled before it is known where that folder will be.

import { contains } from "../base/paths.ts";
import type { Atom, Capability } from "../model/capability.ts";

/** The capability with everything it says of `from` and what is below said of `to`. */
export function moved(capability: Capability, from: string, to: string): Capability {
  return { ...capability, where: capability.where.map((atom) => movedAtom(atom, from, to)) };
}

/** One of its tests asks for `folder`, or for something below it. */
export function mentions({ where }: Capability, folder: string): boolean {
  return where.some((atom) => {
    const path = pathOf(atom);
    return path !== undefined && !atom.negated && contains(folder, path);
  });
}

function movedAtom(atom: Atom, from: string, to: string): Atom {
  const path = pathOf(atom);
  if (path === undefined || !contains(from, path)) return atom;
  const there = `${to}${path.slice(from.length)}`;
  if (atom.kind === "path-like") return { ...atom, parts: [there, ...atom.parts.slice(1)] };
  if (atom.kind === "path-in" || atom.kind === "path-equals") return { ...atom, path: there };
  return atom;
}

/** Of a pattern what stands before its first star. */
function pathOf(atom: Atom): string | undefined {
  if (atom.kind === "path-in" || atom.kind === "path-equals") return atom.path;
  return atom.kind === "path-like" ? atom.parts[0] : undefined;
}
