// A folder that is mounted at several places has several names, and a rule is about one of them.
// What it forbids is forbidden at the others too. Pure, given the table of mounts.

import { contains } from "../base/paths.ts";
import type { Atom, Capabilities, Capability } from "../model/capability.ts";

/** A line of /proc/self/mountinfo. */
export interface Mount {
  readonly id: string;
  /** The mount it is mounted on. */
  readonly parent: string;
  /** Of the file system: `major:minor`. */
  readonly device: string;
  /** Folder of the file system that is seen at `place`. */
  readonly root: string;
  readonly place: string;
  /** Of the file system. */
  readonly type: string;
}

/** Every line of the table: proc_pid_mountinfo(5). */
export function parseMounts(mountinfo: string): readonly Mount[] {
  return mountinfo.split("\n").flatMap((line) => readMount(line) ?? []);
}

function readMount(line: string): Mount | undefined {
  // Blanks in names are escaped, so the bar in the middle is the only one.
  const [before = "", after = ""] = line.split(" - ", 2);
  const [id = "", parent = "", device = "", root = "", place = ""] = before.split(" ");
  if (place === "") return undefined;
  const [type = ""] = after.split(" ");
  return { id, parent, device, root: unescaped(root), place: unescaped(place), type };
}

/** Blanks and the like stand there as octal numbers. */
function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** @param realPath links resolved; undefined for what is not there */
export function withOtherMounts(
  { version, capabilities }: Capabilities,
  mounts: readonly Mount[],
  realPath: (path: string) => string | undefined,
): Capabilities {
  const devices = new Set(mounts.map(({ device }) => device));
  if (devices.size === mounts.length) return { version, capabilities };
  const where = placedBy(realPath);
  const others = capabilities.flatMap((capability) =>
    capability.effect === "forbid" ? otherNames(capability, mounts, where) : [],
  );
  return { version, capabilities: [...capabilities, ...others] };
}

/** Where a path leads, links resolved as far as it is there. */
export function placedBy(realPath: (path: string) => string | undefined): (path: string) => string {
  const where = (path: string): string => {
    const real = realPath(path);
    if (real !== undefined || path === "/") return real ?? path;
    const [, above = "", name = ""] = /^(.*)\/([^/]*)$/.exec(path) ?? [];
    const folder = where(above === "" ? "/" : above);
    return `${folder === "/" ? "" : folder}/${name}`;
  };
  return where;
}

/** The place a forbid is about, and its atom; undefined for one that is about no place. */
export function placeOf({ where }: Capability) {
  const at = where.findIndex((atom) => !atom.negated && folderOf(atom) !== undefined);
  const atom = where[at];
  const folder = atom && folderOf(atom);
  if (atom === undefined || folder === undefined) return undefined;
  return { at, folder, isTree: atom.kind === "path-in" };
}

function otherNames(
  capability: Capability,
  mounts: readonly Mount[],
  where: (path: string) => string,
): Capability[] {
  const about = placeOf(capability);
  if (about === undefined) return [];
  const { at, folder, isTree } = about;
  const real = where(folder);
  return translationsOf(real, isTree, mounts).map((translate) => ({
    ...capability,
    // What is given back inside is given back there as well.
    where: capability.where.map((each, index) => {
      const own = folderOf(each);
      const translated = own === undefined ? undefined : translate(where(own));
      if (translated === undefined || (index !== at && !each.negated)) return each;
      return moved(each, translated);
    }),
  }));
}

/** The folder an atom is about, or its path; undefined for what may be anywhere. */
function folderOf(atom: Atom): string | undefined {
  if (atom.kind === "path-in" || atom.kind === "path-equals") return atom.path;
  if (atom.kind !== "path-like") return undefined;
  const [first = ""] = atom.parts;
  const end = first.lastIndexOf("/");
  return end < 1 ? undefined : first.slice(0, end);
}

function moved(atom: Atom, path: string): Atom {
  if (atom.kind === "path-in" || atom.kind === "path-equals") return { ...atom, path };
  if (atom.kind !== "path-like") return atom;
  const [first = "", ...rest] = atom.parts;
  const name = first.slice(first.lastIndexOf("/"));
  return { ...atom, parts: [`${path === "/" ? "" : path}${name}`, ...rest] };
}

/** A name of the first mount as one of the other; undefined for what is not in it. */
type Translate = (path: string) => string | undefined;

function translationsOf(
  path: string,
  isTree: boolean,
  mounts: readonly Mount[],
): readonly Translate[] {
  return otherPlaces(path, isTree, mounts)
    .filter(({ to, name }) => ownerOf(name, mounts) === to && !contains(path, name))
    .map(
      ({ from, to, name }) =>
        (each: string) =>
          each === path ? name : nameIn(to, insideOf(from, each), false),
    );
}

/** The mounts that show what is at a path, or mounted below it. */
export function showing(path: string, isTree: boolean, mounts: readonly Mount[]) {
  const own = ownerOf(path, mounts);
  // What is mounted below is forbidden with it.
  const below = isTree ? mounts.filter(({ place }) => place !== path && contains(path, place)) : [];
  return [
    ...(own === undefined ? [] : [{ from: own, wanted: path }]),
    ...below.map((from) => ({ from, wanted: from.place })),
  ];
}

/** Names of the same by other mounts, whether or not something lies over them. */
export function otherPlaces(path: string, isTree: boolean, mounts: readonly Mount[]) {
  return showing(path, isTree, mounts).flatMap(({ from, wanted }) =>
    mounts
      .filter((to) => to !== from && to.device === from.device)
      .flatMap((to) => {
        const name = nameIn(to, insideOf(from, wanted), isTree);
        return name === undefined ? [] : [{ from, to, name }];
      }),
  );
}

/** The mount a path lies in: from the root on, the first that is mounted on its way each time. */
function ownerOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  const ids = new Set(mounts.map(({ id }) => id));
  const isFirst = ({ id, parent, place }: Mount) =>
    place === "/" && (id === parent || !ids.has(parent));
  let owner = mounts.findLast(isFirst);
  for (let next = owner; next !== undefined; next = nextOn(path, owner, mounts)) owner = next;
  return owner;
}

function nextOn(path: string, owner: Mount | undefined, mounts: readonly Mount[]) {
  return mounts
    .filter((each) => each !== owner && each.parent === owner?.id && contains(each.place, path))
    .toSorted((a, b) => a.place.length - b.place.length)[0];
}

/** A path of a mount as one of its file system. */
function insideOf({ root, place }: Mount, path: string): string | undefined {
  return contains(place, path)
    ? joined(root, path.slice(place === "/" ? 0 : place.length))
    : undefined;
}

/** Where a mount shows a path of its file system. @param isTree what is below it will do */
function nameIn(
  { root, place }: Mount,
  inside: string | undefined,
  isTree: boolean,
): string | undefined {
  if (inside === undefined) return undefined;
  if (contains(root, inside)) return joined(place, inside.slice(root === "/" ? 0 : root.length));
  return isTree && contains(inside, root) ? place : undefined;
}

function joined(folder: string, rest: string): string {
  const path = `${folder === "/" ? "" : folder}${rest === "/" ? "" : rest}`;
  return path === "" ? "/" : path;
}
