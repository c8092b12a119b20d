// Changes below the directories a box may change, as accesses: from file system events while they
// happen where there are any, and at the end from a comparison of the tree, which adds what the
// events missed.

import { lstatSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { AegisError } from "../base/errors.ts";
import type { RecordObserved } from "./access.ts";
import { type FsEventsModule, type FsEventsObserver, observeByFsEvents } from "./fsevents.ts";
import { changeAccess, type FileChange } from "./observer.ts";
import { diffSnapshots, type Snapshot, type SnapshotLimits, takeSnapshot } from "./snapshot.ts";

export interface ChangeSourceMachine {
  /** The `fsevents` package; undefined off macOS. */
  readonly fsevents: FsEventsModule | undefined;
  readonly limits: SnapshotLimits;
  readonly clock: Clock;
}

export interface WatchedRoots {
  /** Absolute, real, none inside another. */
  readonly roots: readonly string[];
}

export interface OpenChangeSource {
  /**
   * Resolves when every change before the call was recorded.
   * @throws {AegisError} `enforce/unsupported` when changes may have been missed
   */
  close(): Promise<void>;
}

/** For the backend's list of sources. */
export function changeSource(machine: ChangeSourceMachine) {
  return {
    /**
     * @throws {AegisError} `enforce/unsupported` when a directory is too large to be observed at
     * all
     */
    async open({ roots }: WatchedRoots, record: RecordObserved): Promise<OpenChangeSource> {
      const watched = roots
        .filter(isDirectory)
        .map((root) => new WatchedRoot(machine, root, record));
      return {
        async close() {
          for (const root of watched) await root.close();
        },
      };
    },
  };
}

class WatchedRoot {
  readonly #machine: ChangeSourceMachine;
  readonly #root: string;
  readonly #record: RecordObserved;
  readonly #live: FsEventsObserver | undefined;
  readonly #delivered: Promise<void>;
  readonly #before: Snapshot | undefined;
  /** What the events told, so that the comparison does not tell it again. */
  readonly #told = new Set<string>();

  constructor(machine: ChangeSourceMachine, root: string, record: RecordObserved) {
    this.#machine = machine;
    this.#root = root;
    this.#record = record;
    // The events first: a change between the two shows in both and is told once.
    const { fsevents, clock, limits } = machine;
    this.#live = fsevents && observeByFsEvents(fsevents, root, clock);
    this.#before = takeSnapshot(root, limits);
    if (this.#live === undefined && this.#before === undefined) throw missed(root);
    this.#delivered = this.#deliver();
    this.#delivered.catch(() => {
      // ignored: close() awaits the same promise and throws
    });
  }

  async close(): Promise<void> {
    const { clock, limits } = this.#machine;
    await this.#live?.close();
    await this.#delivered;
    const after = this.#before && takeSnapshot(this.#root, limits);
    if (this.#before !== undefined && after !== undefined) {
      const changes = diffSnapshots(this.#before, after, clock.nowUnixMs());
      const untold = changes.filter((change) => !this.#isTold(change));
      if (untold.length > 0) await this.#record(untold.map(changeAccess));
    } else if (this.#live === undefined || this.#live.hasGap) {
      throw missed(this.#root);
    }
  }

  async #deliver(): Promise<void> {
    if (this.#live === undefined) return;
    for await (const change of this.#live.events) {
      if (this.#before !== undefined) this.#told.add(`${change.kind} ${change.path}`);
      await this.#record([changeAccess(change)]);
    }
  }

  /** A name that came and was changed is told as one that came. */
  #isTold({ kind, path }: FileChange): boolean {
    if (this.#told.has(`${kind} ${path}`)) return true;
    return kind === "modified" && this.#told.has(`created ${path}`);
  }
}

function missed(root: string): AegisError {
  return new AegisError(
    "enforce/unsupported",
    `Cannot record the changes below "${root}": it is too large to compare and events were missed`,
    { hint: "grant a smaller directory, or run with --audit off" },
  );
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
