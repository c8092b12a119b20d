// Whether a denial can matter at all: what no permit grants is denied by default. Leaving out
// denials that change nothing keeps the profile of a usual policy a tenth of its size. Pure, and
// only ever says "cannot matter" when that is certain.

import { contains } from "../../base/paths.ts";
import type { Action, Atom, Capability } from "../../model/capability.ts";

export class Reach {
  readonly #places = new Map<Action, readonly (readonly string[])[]>();

  constructor(permits: readonly Capability[]) {
    for (const permit of permits) {
      const places = placesOf(permit.where);
      for (const action of permit.actions) {
        this.#places.set(action, [...(this.#places.get(action) ?? []), places]);
      }
    }
  }

  /** False when no permit grants `action` on any path the clause holds for. */
  meets(action: Action, where: readonly Atom[]): boolean {
    const own = placesOf(where);
    return this.#some(action, (granted) => own.every((place) => meetsAll(place, granted)));
  }

  /** False when no permit grants `action` on `path`. */
  grants(action: Action, path: string): boolean {
    return this.#some(action, (granted) => granted.every((place) => contains(place, path)));
  }

  #some(action: Action, holds: (granted: readonly string[]) => boolean): boolean {
    return this.#places.get(action)?.some(holds) ?? false;
  }
}

/** Directories or files outside of which the clause does not hold. */
function placesOf(where: readonly Atom[]): string[] {
  return where.flatMap((atom) => {
    if (atom.negated) return [];
    if (atom.kind === "path-in" || atom.kind === "path-equals") return [atom.path];
    if (atom.kind !== "path-like" || !atom.parts[0]?.startsWith("/")) return [];
    return [atom.parts[0].slice(0, atom.parts[0].lastIndexOf("/")) || "/"];
  });
}

function meetsAll(place: string, granted: readonly string[]): boolean {
  return granted.every((other) => contains(place, other) || contains(other, place));
}
