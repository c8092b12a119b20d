// What planning asks of the disk, as an interface: plan.ts stays pure and its tests need no files.

import type { AbsPath } from "../../../base/paths.ts";
import type { PathFact } from "../../backend.ts";
import type { Survey } from "../../survey.ts";

/** A path looked up with links followed the way the kernel does. */
export interface DiskFact extends PathFact {
  /** `realPath`, or for an absent path where it would be: links of its parents resolved. */
  readonly place: AbsPath;
  /**
   * Where the symbolic links lie that were followed, each with the links of its own parents
   * resolved.
   */
  readonly links: readonly AbsPath[];
  /** For an absent path: the first name on the way that is not there. */
  readonly missing: AbsPath | undefined;
}

export interface DiskView {
  look(path: AbsPath): DiskFact;
  /** What the program at `path` names as its loader; undefined when it names none. */
  loaderOf(path: AbsPath): AbsPath | undefined;
  /**
   * What is at and below `path`, no link followed; undefined when that is more than `most` names.
   * What cannot be listed counts as empty.
   */
  survey(path: AbsPath, most: number): Survey | undefined;
  /** True when names in the folder at `path` that differ in case alone are the same name. */
  ignoresCase(path: AbsPath): boolean;
}

/** A view that remembers what it was asked: a plan depends on these facts and on no others. */
export class RecordingView implements DiskView {
  readonly #inner: DiskView;
  readonly #seen = new Map<string, DiskFact>();
  readonly #surveys: Survey[] = [];

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

  /**
   * Not remembered: a program that is replaced by one with a loader of its own does not start until
   * the plan is made anew, and the usual loaders are asked for whatever a program names.
   */
  loaderOf(path: AbsPath): AbsPath | undefined {
    return this.#inner.loaderOf(path);
  }

  survey(path: AbsPath, most: number): Survey | undefined {
    const survey = this.#inner.survey(path, most);
    if (survey !== undefined) this.#surveys.push(survey);
    return survey;
  }

  /** Not remembered: it is so or not for as long as the same file system lies there. */
  ignoresCase(path: AbsPath): boolean {
    return this.#inner.ignoresCase(path);
  }

  /**
   * What is absent because a folder above is absent is told by that folder alone: it is one look
   * instead of many when a kept plan is checked.
   */
  facts(): PathFact[] {
    const facts = new Map<string, PathFact>();
    for (const { path, kind, realPath, missing, links } of this.#seen.values()) {
      if (missing === undefined || links.length > 0) facts.set(path, { path, kind, realPath });
      else facts.set(missing, { path: missing, kind, realPath });
    }
    const surveyed = this.#surveys.flatMap(({ files, folders }): PathFact[] => [
      ...files.map(({ path, names }) => ({ path, kind: "file" as const, realPath: path, names })),
      ...folders.map(({ path, entries }) => ({
        path,
        kind: "directory" as const,
        realPath: path,
        entries,
      })),
    ]);
    return [...facts.values(), ...surveyed];
  }
}
