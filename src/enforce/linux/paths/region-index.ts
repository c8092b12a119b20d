// Grants or forbids, found by the place they are about: of the hundreds a policy has, the few on
// the way to a path or below it are all that can concern it.

import type { AbsPath } from "../../../base/paths.ts";
import { parentOf } from "../../../base/paths.ts";
import type { PathAction } from "../../../model/capability.ts";
import { everything, type Shape } from "./shape.ts";

const root = everything.path;

interface Placed {
  readonly action: PathAction;
  readonly shape: Shape;
}

/** What lies near one path, by action. */
type Near<T> = ReadonlyMap<PathAction, readonly T[]>;

export class RegionIndex<T extends Placed> {
  readonly #regions: readonly T[];
  /** Places in `#regions` of those at a path. */
  readonly #at: ReadonlyMap<AbsPath, readonly number[]>;
  /** With a slash at its end, so that what is below a path stands right behind it. */
  readonly #sorted: readonly { readonly key: string; readonly path: AbsPath }[];
  readonly #known = new Map<AbsPath, Near<T>>();

  constructor(regions: readonly T[]) {
    this.#regions = regions;
    this.#at = Map.groupBy(regions.keys(), (at) => regions[at]?.shape.path ?? root);
    this.#sorted = [...this.#at.keys()]
      .map((path) => ({ key: keyOf(path), path }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** All about `action` whose shape can have a path in common with one at `path`; as given. */
  near(action: PathAction, path: AbsPath): readonly T[] {
    const known = this.#known.get(path) ?? this.#look(path);
    this.#known.set(path, known);
    return known.get(action) ?? [];
  }

  #look(path: AbsPath): Near<T> {
    const places = [...this.#above(path), ...this.#from(path)].flatMap(
      (at) => this.#at.get(at) ?? [],
    );
    const found = places.sort((a, b) => a - b).flatMap((at) => this.#regions[at] ?? []);
    return Map.groupBy(found, ({ action }) => action);
  }

  #above(path: AbsPath): AbsPath[] {
    const paths: AbsPath[] = [];
    for (let below = path; below !== root; ) {
      below = parentOf(below);
      paths.push(below);
    }
    return paths;
  }

  /** The path itself and those below it. */
  #from(path: AbsPath): AbsPath[] {
    const prefix = keyOf(path);
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle]?.key ?? "") < prefix) low = middle + 1;
      else high = middle;
    }
    const paths: AbsPath[] = [];
    for (let entry = this.#sorted[low]; entry?.key.startsWith(prefix) === true; ) {
      paths.push(entry.path);
      low += 1;
      entry = this.#sorted[low];
    }
    return paths;
  }
}

function keyOf(path: AbsPath): string {
  return path === root ? root : `${path}/`;
}
