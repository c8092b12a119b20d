// The little of a disk that policies may look at while they are collected and compiled. What cannot
// be examined is absent: a rule about it then grants nothing.

import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { realPath } from "../../enforce/real-path.ts";
import type { SocketDisk } from "../../policy/control-sockets.ts";

/**
 * Largest text read to find out what a repository is, bytes; git's own files of this kind are far
 * smaller.
 */
const textMaxBytes = 256 * 1024;

export const policyDisk: SocketDisk = {
  kind(path) {
    const found = attempt(() => lstatSync(path, { throwIfNoEntry: false }));
    if (found === undefined) return "absent";
    if (found.isDirectory()) return "directory";
    return found.isFile() ? "file" : "other";
  },
  read(path) {
    return attempt(() =>
      (statSync(path).size ?? 0) > textMaxBytes ? undefined : readFileSync(path, "utf8"),
    );
  },
  list: (path) => attempt(() => readdirSync(path)) ?? [],
  realPath: (path) => attempt(() => realPath(path)),
  socketOwner(path) {
    const found = attempt(() => lstatSync(path, { throwIfNoEntry: false }));
    return found?.isDirectory() === true || found?.isSocket() === true ? found.uid : undefined;
  },
};

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    // ignored: what cannot be examined counts as absent, and an absent path grants nothing
    return undefined;
  }
}
