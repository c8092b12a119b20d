// Which Seatbelt operations make up one of our actions, and what else an operation looks at. Pure
// data and one function. Only single operations are used for files, never `file-write*`: by
// Seatbelt's rules a denial of a single operation beats a later grant of the group and, on some
// reading of them, the other way round too. On one level, the last match wins and nothing else.

import type { Action } from "../../model/capability.ts";
import { all, type Filter, isDirectory, not } from "./sbpl.ts";

/** Operations that share one filter. */
export interface OperationGroup {
  readonly operations: readonly string[];
  readonly filter: Filter;
}

const readOperations = ["file-read-data", "file-read-xattr"];
/**
 * `file-write-setugid` and `file-link` are missing on purpose: nobody gets to make set-uid files or
 * second names.
 */
const writeOperations = [
  "file-write-data",
  "file-write-flags",
  "file-write-mode",
  "file-write-owner",
  "file-write-times",
  "file-write-xattr",
];

/** The operations of all path actions among `actions`, each with the filter for `paths`. */
export function pathOperations(actions: readonly Action[], paths: Filter): OperationGroup[] {
  const has = (action: Action) => actions.includes(action);
  const onAll: string[] = [];
  const onFiles: string[] = [];
  const onDirectories: string[] = [];
  /** Operations that are one action on a file and another on a directory. */
  const split = (operations: readonly string[], isFile: boolean, isDirectory: boolean) => {
    if (isFile && isDirectory) onAll.push(...operations);
    else if (isFile) onFiles.push(...operations);
    else if (isDirectory) onDirectories.push(...operations);
  };
  // Only files are mapped, so it can share whichever filter reading has.
  split(["file-map-executable"], has("FileRead"), has("FileRead") && has("DirList"));
  split(readOperations, has("FileRead"), has("DirList"));
  if (has("FileWrite")) onAll.push(...writeOperations);
  split(["file-write-create"], has("FileWrite"), has("DirCreate"));
  if (has("FileDelete")) onAll.push("file-write-unlink");
  if (has("ProcessSpawn")) onAll.push("process-exec*");
  const groups: OperationGroup[] = [
    { operations: onAll, filter: paths },
    { operations: onFiles, filter: all(not(isDirectory), paths) },
    { operations: onDirectories, filter: all(isDirectory, paths) },
  ];
  if (has("FileWrite")) {
    // A unix socket is a name in a directory, and talking to it is writing to it.
    const side = (name: "remote" | "local") => all({ kind: "unix", side: name }, paths);
    groups.push({ operations: ["network-outbound"], filter: side("remote") });
    groups.push({ operations: ["network-bind", "network-inbound"], filter: side("local") });
  }
  return groups.filter(({ operations }) => operations.length > 0);
}
