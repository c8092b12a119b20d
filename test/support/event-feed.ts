// Stands in for the `fsevents` package where there is no macOS: delivers what a test hands it, on
// the next turn like the real one, and knows when it was stopped.

import type { FsEventsModule } from "../../src/observe/fsevents.ts";

export interface EventFeed extends FsEventsModule {
  /** One event for every observer of a directory that holds `path`. */
  deliver(path: string, flags: number): void;
  readonly running: number;
}

export function eventFeed(): EventFeed {
  const handlers = new Map<object, (path: string, flags: number, id: number) => void>();
  let id = 0;
  return {
    watch(_path, handler) {
      const key = {};
      handlers.set(key, handler);
      return async () => {
        handlers.delete(key);
      };
    },
    deliver(path, flags) {
      for (const handler of handlers.values()) {
        id += 1;
        const own = id;
        queueMicrotask(() => handler(path, flags, own));
      }
    },
    get running() {
      return handlers.size;
    },
  };
}

/** FSEvents.h, as the events come. */
export const eventFlag = {
  mustScanSubDirs: 0x1,
  created: 0x100,
  removed: 0x200,
  inodeMeta: 0x400,
  renamed: 0x800,
  modified: 0x1000,
  owner: 0x4000,
  xattr: 0x8000,
  isFile: 0x10000,
  isDirectory: 0x20000,
  isLink: 0x40000,
} as const;
