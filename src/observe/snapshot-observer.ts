// An observer that looks twice: when it is made and when it is closed. It sees the sum of what
// happened in between, not each step.

import type { Clock } from "../base/clock.ts";
import { AegisError } from "../base/errors.ts";
import { ChangeQueue, type Observer } from "./observer.ts";
import { diffSnapshots, type SnapshotLimits, takeSnapshot } from "./snapshot.ts";

/** @throws {AegisError} `enforce/unsupported` when the tree is larger than the limits */
export function observeBySnapshot(
  directory: string,
  limits: SnapshotLimits,
  clock: Clock,
): Observer {
  const before = takeSnapshot(directory, limits);
  if (before === undefined) throw tooLarge(directory, limits);
  const queue = new ChangeQueue();
  return {
    events: queue,
    async close() {
      const after = takeSnapshot(directory, limits);
      if (after !== undefined) queue.push(diffSnapshots(before, after, clock.nowUnixMs()));
      queue.end();
      if (after === undefined) throw tooLarge(directory, limits);
    },
  };
}

function tooLarge(directory: string, { entriesMax }: SnapshotLimits): AegisError {
  return new AegisError(
    "enforce/unsupported",
    `Cannot compare "${directory}" before and after: it holds more than ${entriesMax} entries`,
    { hint: "observe a smaller directory, or run with --audit off" },
  );
}
