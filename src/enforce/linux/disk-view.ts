// What planning asks of the disk, as an interface: plan.ts stays pure and its tests need no files.

import type { AbsPath } from "../../base/paths.ts";
import type { PathFact } from "../backend.ts";

/** A path looked up with links followed the way the kernel does. */
export interface DiskFact extends PathFact {
  /** `realPath`, or for an absent path where it would be: links of its parents resolved. */
  readonly place: AbsPath;
  /**
   * Where the symbolic links lie that were followed, each with the links of its own parents
   * resolved.
   */
  readonly links: readonly AbsPath[];
}

export interface DiskView {
  look(path: AbsPath): DiskFact;
}

/** A view that remembers what it was asked: a plan depends on these facts and on no others. */
export class RecordingView implements DiskView {
  readonly #inner: DiskView;
  readonly #seen = new Map<string, DiskFact>();

  constructor(inner: DiskView) {
    this.#inner = inner;
  }

  look(path: AbsPath): DiskFact {
    const known = this.#seen.get(path);
    if (known !== undefined) return known;
    const fact = this.#inner.look(path);
    this.#seen.set(path, fact);
    return fact;
  }

  facts(): PathFact[] {
    return [...this.#seen.values()].map(({ path, kind, realPath }) => ({ path, kind, realPath }));
  }
}
