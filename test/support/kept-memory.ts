// How much memory something keeps that it was given, apart from garbage: texts and bytes, in
// megabytes.

import { heapStats } from "bun:jsc";

/** What is still held once `work` is done and its result is all that anybody has. */
export async function megabytesKept(work: () => unknown): Promise<number> {
  const before = held();
  const kept = await work();
  const after = held();
  if (kept === null) throw new Error("nothing would be measured");
  return after - before;
}

function held(): number {
  // Twice: the engine looks at the stack for what may be in use.
  Bun.gc(true);
  Bun.gc(true);
  return heapStats().extraMemorySize / 1e6;
}
