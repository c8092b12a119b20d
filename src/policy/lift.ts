// Making room in a forbid over a folder for paths that were asked for by name.

import { contains } from "../base/paths.ts";
import type { Action, Atom, Capability } from "../model/capability.ts";
import { isLike } from "./like.ts";

export interface Lifts {
  /** Paths that may be read in spite of the forbid. */
  readonly read: readonly string[];
  readonly written: readonly string[];
}

export interface SocketLifts {
  /** Sockets that may be connected to: writing to the path is permitted, nothing else of it. */
  readonly connected: readonly string[];
  /** Paths that may be written, made and removed. */
  readonly written: readonly string[];
}

const readActions: readonly Action[] = ["FileRead", "DirList"];

/**
 * The forbid without the lifted paths, which count only at or below the folder it is about: reading
 * a whole home folder does not lift what is forbidden inside it. A forbid on anything but one
 * folder stays as it is.
 */
export function liftForbids(forbid: Capability, lifts: Lifts): readonly Capability[] {
  const folder = folderOf(forbid);
  if (folder === undefined) return [forbid];
  const read = inside(folder, lifts.read);
  const written = inside(folder, lifts.written);
  if (read.length === 0) return [forbid];
  const reading = forbid.actions.filter((action) => readActions.includes(action));
  const changing = forbid.actions.filter((action) => !readActions.includes(action));
  return [
    ...without({ ...forbid, actions: reading }, folder, read),
    ...without({ ...forbid, actions: changing }, folder, written),
  ];
}

/** The same for a forbid about sockets, which are connected to and not read. */
export function liftSockets(forbid: Capability, lifts: SocketLifts): readonly Capability[] {
  const about = folderOf(forbid) ?? patternOf(forbid);
  if (about === undefined) return [forbid];
  const written = inside(about, lifts.written);
  const connected = [...new Set([...inside(about, lifts.connected), ...written])];
  if (connected.length === 0) return [forbid];
  const connecting = forbid.actions.filter((action) => action === "FileWrite");
  const changing = forbid.actions.filter((action) => action !== "FileWrite");
  return [
    ...without({ ...forbid, actions: connecting }, about, connected),
    ...without({ ...forbid, actions: changing }, about, written),
  ];
}

type Folder = Extract<Atom, { kind: "path-in" }>;
type Pattern = Extract<Atom, { kind: "path-like" }>;

function folderOf({ where: [folder, ...more] }: Capability): Folder | undefined {
  return folder?.kind === "path-in" && !folder.negated && more.length === 0 ? folder : undefined;
}

function patternOf({ where: [pattern, ...more] }: Capability): Pattern | undefined {
  const isOne = pattern?.kind === "path-like" && !pattern.negated && more.length === 0;
  return isOne ? pattern : undefined;
}

function inside(about: Folder | Pattern, paths: readonly string[]): readonly string[] {
  const isInside = (path: string): boolean =>
    about.kind === "path-in" ? contains(about.path, path) : isLike(about.parts, path);
  return [...new Set(paths.filter(isInside))];
}

function without(
  forbid: Capability,
  about: Folder | Pattern,
  lifted: readonly string[],
): readonly Capability[] {
  const isWhole = about.kind === "path-in" && lifted.includes(about.path);
  if (forbid.actions.length === 0 || isWhole) return [];
  const holes = lifted.map((path): Atom => ({ kind: "path-in", path, negated: true }));
  return [{ ...forbid, where: [about, ...holes] }];
}
