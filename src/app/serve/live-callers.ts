// Who may call a server, as a file says it now: who was taken out of it calls no more, without a
// restart. A file that cannot be used is refused while those of before go on.

import type { AbsPath } from "../../base/paths.ts";
import type { ServeNotice } from "./tool-policy.ts";
import { watchFiles } from "./watch-files.ts";

export interface LiveCallers<T> {
  /** The same list all the time; what is in it changes. */
  readonly callers: readonly T[];
  /** Reads the file again now. */
  reload(): void;
  stop(): void;
}

/** @throws {AegisError} as `read` does, now and not later */
export function liveCallers<T>(
  path: AbsPath,
  read: (path: AbsPath) => readonly T[],
  notify: (notice: ServeNotice) => void,
): LiveCallers<T> {
  const callers = [...read(path)];
  const watch = watchFiles([path], () => {
    try {
      const next = read(path);
      if (Bun.deepEquals(next, callers)) return;
      callers.splice(0, callers.length, ...next);
      notify({ level: "info", message: `"${path}" was read again: who may call` });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      notify({ level: "error", message: `${why}; who could call before still can` });
    }
  });
  return { callers, reload: () => watch.look(), stop: () => watch.stop() };
}

/** Nobody has to be known. */
export const noCallers: LiveCallers<never> = {
  callers: [],
  reload: () => undefined,
  stop: () => undefined,
};
