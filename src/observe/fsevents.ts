// An observer fed by macOS' file system events while they happen, through the `fsevents` package,
// which is handed in: it exists on macOS alone. Events are folded by the system before they arrive,
// so flags add up and the order of two changes of one name is lost; whether the name exists now
// decides between them.

import { lstatSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { contains } from "../base/paths.ts";
import { ChangeQueue, type FileChange, type Observer } from "./observer.ts";

/** What is used of the package: `watch` starts a stream, the function it returns ends it. */
export interface FsEventsModule {
  watch(
    path: string,
    handler: (path: string, flags: number, id: number) => void,
  ): () => Promise<void>;
}

export interface FsEventsObserver extends Observer {
  /** True when the system dropped events: only a look at the tree shows what happened. */
  readonly hasGap: boolean;
}

/** FSEvents.h */
const flag = {
  mustScanSubDirs: 0x1,
  userDropped: 0x2,
  kernelDropped: 0x4,
  rootChanged: 0x20,
  itemCreated: 0x100,
  itemRemoved: 0x200,
  itemInodeMetaMod: 0x400,
  itemRenamed: 0x800,
  itemModified: 0x1000,
  itemFinderInfoMod: 0x2000,
  itemChangeOwner: 0x4000,
  itemXattrMod: 0x8000,
  itemIsFile: 0x10000,
  itemIsDir: 0x20000,
} as const;

const gapFlags = flag.mustScanSubDirs | flag.userDropped | flag.kernelDropped | flag.rootChanged;
const changeFlags =
  flag.itemModified |
  flag.itemInodeMetaMod |
  flag.itemFinderInfoMod |
  flag.itemChangeOwner |
  flag.itemXattrMod;

/**
 * The package asks for delivery within 100 ms; the tree counts as quiet after twice that without an
 * event.
 */
const quietMs = 200;
const quietMaxMs = 1_000;

export function observeByFsEvents(
  fsevents: FsEventsModule,
  directory: string,
  clock: Clock,
): FsEventsObserver {
  const queue = new ChangeQueue();
  let lastMs = clock.monotonicMs();
  let hasGap = false;
  const stop = fsevents.watch(directory, (path, flags) => {
    lastMs = clock.monotonicMs();
    if ((flags & gapFlags) !== 0) hasGap = true;
    if (path === directory || !contains(directory, path)) return;
    const isDirectory = (flags & flag.itemIsDir) !== 0;
    const tsUnixMs = clock.nowUnixMs();
    const kinds = changeKinds(flags, exists(path));
    queue.push(kinds.map((kind) => ({ kind, isDirectory, path, tsUnixMs, source: "fsevents" })));
  });
  return {
    events: queue,
    get hasGap() {
      return hasGap;
    },
    async close() {
      const startMs = clock.monotonicMs();
      for (let nowMs = startMs; nowMs - startMs < quietMaxMs; nowMs = clock.monotonicMs()) {
        const quietUntilMs = Math.max(lastMs, startMs) + quietMs;
        if (nowMs >= quietUntilMs) break;
        await Bun.sleep(quietUntilMs - nowMs);
      }
      await stop();
      queue.end();
    },
  };
}

/** What the folded flags of one name say, in the order it can have happened. */
export function changeKinds(flags: number, existsNow: boolean): readonly FileChange["kind"][] {
  const has = (bits: number) => (flags & bits) !== 0;
  const came = has(flag.itemCreated) || (has(flag.itemRenamed) && existsNow);
  const went = has(flag.itemRemoved) || (has(flag.itemRenamed) && !existsNow);
  if (came && went) return existsNow ? ["deleted", "created"] : ["created", "deleted"];
  if (went) return ["deleted"];
  // A creation with modifications is one change: nobody saw the name without its content.
  if (came) return ["created"];
  return has(changeFlags) ? ["modified"] : [];
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // ignored: a parent that is no directory any more or is closed: the name cannot be reached, so
    // it is gone
    return false;
  }
}
