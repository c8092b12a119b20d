// Notices that files were replaced or written to, however that was done: a look at each of them
// every second. What changed is told once it has stayed the same for one more look.

import { statSync } from "node:fs";
import type { AbsPath } from "../../base/paths.ts";

export interface FileWatch {
  /** Looks now, and tells whatever the files are like. */
  look(): void;
  stop(): void;
}

const lookMs = 1000;

export function watchFiles(paths: readonly AbsPath[], onChange: () => void): FileWatch {
  let told = signOf(paths);
  let before = told;
  const timer = setInterval(() => {
    const now = signOf(paths);
    const isSettled = now === before;
    before = now;
    if (!isSettled || now === told) return;
    told = now;
    onChange();
  }, lookMs);
  timer.unref();
  return {
    look() {
      told = signOf(paths);
      before = told;
      onChange();
    },
    stop: () => clearInterval(timer),
  };
}

function signOf(paths: readonly AbsPath[]): string {
  return paths
    .map((path) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
        return [dev, ino, size, mtimeNs, ctimeNs].join();
      } catch {
        // ignored: a file that is not there looks different from one that is
        return "-";
      }
    })
    .join("\n");
}
