// How many events are read at once: few where they are large. Pure.

import { eventPageMaxBytes } from "../base/limits.ts";

/** @param sizes in bytes, of events in their order */
export function fittingCount(sizes: readonly number[]): number {
  let bytes = 0;
  const beyond = sizes.findIndex((size, at) => {
    bytes += size;
    return at > 0 && bytes > eventPageMaxBytes;
  });
  return beyond < 0 ? sizes.length : beyond;
}
