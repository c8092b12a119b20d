// Where a path leads. /proc/self keeps its name: it means whoever asks, and a plan made by this
// process is for another one.

import { realpathSync } from "node:fs";

/** Links resolved. Throws like `realpathSync` when there is nothing. */
export function realPath(path: string): string {
  const real = realpathSync(path);
  const own = `/proc/${process.pid}`;
  if (real !== own && !real.startsWith(`${own}/`)) return real;
  return `/proc/self${real.slice(own.length)}`;
}
