// What lies in a folder, with all below it, and which of its files have other names. Asked once
// when a plan is made, and again, name by name, by whoever keeps plans. Names that are no text
// cannot be asked about again, so a folder that holds one is not surveyed.

import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { type AbsPath, resolvePath } from "../base/paths.ts";

export interface Survey {
  readonly files: readonly { readonly path: AbsPath; readonly names: "one" | "several" }[];
  readonly folders: readonly { readonly path: AbsPath; readonly entries: readonly string[] }[];
}

export function surveyDisk(path: AbsPath, most: number): Survey | undefined {
  const files: Survey["files"][number][] = [];
  const folders: Survey["folders"][number][] = [];
  const waiting = [path];
  let left = most;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (left === 0) return;
    left -= 1;
    const kind = kindOf(next);
    if (kind === "one" || kind === "several") files.push({ path: next, names: kind });
    if (kind !== "directory") continue;
    const entries = entriesOf(next);
    if (entries.length > left || entries.some((entry) => entry.includes("\ufffd"))) return;
    folders.push({ path: next, entries });
    for (const entry of entries) waiting.push(resolvePath(next, entry.slice(1)));
  }
  return { files, folders };
}

/** Of each name in a folder its kind, one letter, and the name; in the order of the names. */
export function entriesOf(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .map((entry) => `${letterOf(entry)}${entry.name}`)
      .sort();
  } catch {
    // ignored: what cannot be listed counts as empty; the box, which runs as the same user, can
    // list it no more than we can
    return [];
  }
}

/** Of a regular file whether it has other names; undefined for what is none. */
export function namesOf(path: string): "one" | "several" | undefined {
  const kind = kindOf(path);
  return kind === "directory" ? undefined : kind;
}

function letterOf(entry: Dirent): string {
  if (entry.isFile()) return "f";
  return entry.isDirectory() ? "d" : "o";
}

function kindOf(path: string): "one" | "several" | "directory" | undefined {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) return "directory";
    if (found?.isFile() !== true) return undefined;
    return found.nlink > 1 ? "several" : "one";
  } catch {
    // ignored: as above
    return undefined;
  }
}
