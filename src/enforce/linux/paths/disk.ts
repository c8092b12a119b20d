// The real disk behind DiskView: follows symbolic links component by component, so that the place
// of each link is known and /proc/self keeps its name instead of becoming our own pid. What cannot
// be examined counts as absent: the box, which runs as the same user, cannot reach it either.

import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { type AbsPath, parentOf, resolvePath } from "../../../base/paths.ts";
import { ignoresCase } from "../../ignores-case.ts";
import { surveyDisk } from "../../survey.ts";
import type { DiskFact, DiskView } from "./disk-view.ts";
import { loaderNamedBy } from "./elf.ts";

/** MAXSYMLINKS of Linux. */
const linksMax = 40;

export function realDisk(): DiskView {
  const entries = new Map<string, Entry>();
  const folded = new Map<AbsPath, boolean>();
  return {
    look: (path) => walk(path, entries),
    loaderOf: loaderNamedBy,
    survey: surveyDisk,
    ignoresCase: (path) => {
      const known = folded.get(path) ?? ignoresCase(path);
      folded.set(path, known);
      return known;
    },
  };
}

type Entry =
  | { readonly kind: "absent" | "file" | "directory" | "other" }
  | { readonly kind: "link"; readonly target: string };

function walk(path: AbsPath, entries: Map<string, Entry>): DiskFact {
  const links: AbsPath[] = [];
  let rest = componentsOf(path);
  let place = rootOf(path);
  let kind: DiskFact["kind"] = "directory";
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "..") {
      place = parentOf(place);
      continue;
    }
    const next = resolvePath(place, name);
    const entry: Entry = kind === "directory" ? entryAt(next, entries) : absent;
    if (entry.kind === "link" && links.length < linksMax) {
      links.push(next);
      rest = [...componentsOf(entry.target), ...rest];
      if (entry.target.startsWith("/")) place = rootOf(path);
      continue;
    }
    if (entry.kind === "absent" || entry.kind === "link") {
      const wanted = resolvePath(next, rest.filter((part) => part !== "..").join("/"));
      return { path, kind: "absent", realPath: "", place: wanted, links, missing: next };
    }
    kind = entry.kind;
    place = next;
  }
  return { path, kind, realPath: place, place, links, missing: undefined };
}

function rootOf(path: AbsPath): AbsPath {
  return resolvePath(path, "/");
}

const absent: Entry = { kind: "absent" };
const directory: Entry = { kind: "directory" };

function componentsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function entryAt(path: AbsPath, entries: Map<string, Entry>): Entry {
  const known = entries.get(path);
  if (known !== undefined) return known;
  const entry = examine(path);
  entries.set(path, entry);
  return entry;
}

function examine(path: AbsPath): Entry {
  if (path === "/proc/self" || path === "/proc/thread-self") return directory;
  let found: Stats | undefined;
  try {
    found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) return { kind: "link", target: readlinkSync(path) };
  } catch (error) {
    // ignored: see the head of this file; any other failure of the disk makes the path unusable for
    // a rule as well
    if (!(error instanceof Error)) throw error;
    return absent;
  }
  if (found === undefined) return absent;
  if (found.isDirectory()) return directory;
  return { kind: found.isFile() ? "file" : "other" };
}
