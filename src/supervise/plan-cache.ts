// Prepared boxes kept between runs, so that an unchanged policy needs no compiler. One file per key
// in a private folder; a file is used only when its own digest, its key and every fact about the
// disk still hold. A bad file is a miss.

import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { withPath } from "../base/errors.ts";
import { cachedPlansMax } from "../base/limits.ts";
import type { PathFact, PreparedBox } from "../enforce/backend.ts";
import { entriesOf, namesOf } from "../enforce/survey.ts";
import type { Capabilities } from "../model/capability.ts";
import type { Coverage } from "../model/coverage.ts";
import type { MountSight } from "../policy/mount-sight.ts";

/**
 * What a cached file carries beside the plan; all of it is needed to open a session without
 * compiling.
 */
interface CachedHeader {
  readonly key: string;
  readonly coverage: Coverage;
  readonly temporary?: string;
  readonly lacking?: string;
  readonly network?: Capabilities;
  readonly mounts?: MountSight;
  readonly folders: readonly Folder[];
  readonly files: readonly Linkable[];
}

/** The names of one folder that a plan depends on. */
interface Folder {
  readonly path: string;
  /**
   * The folder as `stat` sees it, "" when it may change without that showing. While it is the same,
   * so is every name in it, and none has to be looked at: there are a dozen names to a folder.
   */
  readonly stamp: string;
  /** The file system it lies on: another one may take other names for the same. */
  readonly device: number;
  readonly looks: readonly Look[];
  /** Where the plan depends on all there is: what. */
  readonly entries?: readonly string[];
}

/** A file of which it matters whether it has other names, which no folder's stamp tells. */
interface Linkable {
  readonly path: string;
  readonly names: "one" | "several";
}

/**
 * One name as `lstat` sees it: `-` absent, `d`, `f`, `o` other, or `l` and the target of a link, a
 * NUL and the path. Checking names is several times cheaper than resolving every path of a plan
 * again, and tells the same: where a path leads changes only when one of the names on its way does.
 */
type Look = string;

const magic = "AEGC8\n";
/**
 * A folder that changed so shortly before it was stamped may change again without its times telling
 * them apart; the coarsest file system counts in steps of two seconds.
 */
const settledAfterMs = 3000;
/** Kernel folders whose times say nothing about their names. */
const unstampable = /^\/(proc|sys|dev)(\/|$)/;
/** MAXSYMLINKS of Linux. */
const linksMax = 40;

/** Key of a plan: SHA-256 hex over length-prefixed parts. */
export function planKey(parts: readonly string[]): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part},`);
  return hash.digest("hex");
}

/** The prepared box of `key`, or undefined when there is none that still holds. */
export function readCachedPlan(directory: string, key: string): PreparedBox | undefined {
  const bytes = readIfPossible(`${directory}/${key}`);
  if (bytes === undefined) return undefined;
  const parsed = parse(bytes);
  if (parsed === undefined || parsed.header.key !== key) return undefined;
  const { folders, files, coverage, temporary, lacking, network, mounts } = parsed.header;
  if (!folders.every(isUnchanged) || !files.every(isNamedAsSeen)) return undefined;
  const box = { coverage, facts: [], bytes: parsed.plan, temporary, network, mounts };
  return lacking === undefined ? box : { ...box, lacking };
}

/**
 * Stores a box, unless the disk has changed since it was made; readers see the old file or the
 * whole new one.
 */
export function writeCachedPlan(
  directory: string,
  key: string,
  box: PreparedBox,
  nowUnixMs: number,
): void {
  const looks = new Map<string, Look>();
  for (const fact of box.facts) {
    const isSurveyed = fact.names !== undefined || fact.entries !== undefined;
    if (!isSurveyed && walk(fact.path, looks) !== fact.realPath) return;
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const folders = foldersOf(looks, box.facts, nowUnixMs - settledAfterMs);
  const files = box.facts.flatMap(({ path, names }) =>
    names === undefined ? [] : [{ path, names }],
  );
  // Stamps come first: what changes from here on shows in them.
  if (!folders.every(holdsAsSeen) || !files.every(isNamedAsSeen)) return;
  const { coverage, temporary, lacking, network, mounts } = box;
  const header: CachedHeader = {
    key,
    coverage,
    ...(temporary === undefined ? {} : { temporary }),
    ...(lacking === undefined ? {} : { lacking }),
    ...(network === undefined ? {} : { network }),
    ...(mounts === undefined ? {} : { mounts }),
    folders,
    files,
  };
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  const body = Buffer.concat([size, text, box.bytes]);
  const file = Buffer.concat([Buffer.from(magic), digest(body), body]);
  const unfinished = `${directory}/.${key}.${process.pid}`;
  try {
    writeFileSync(unfinished, file, { mode: 0o600, flag: "wx" });
    renameSync(unfinished, `${directory}/${key}`);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw withPath(error, unfinished);
  }
  prune(directory);
}

/** Where the path leads, "" for nothing, noting every name on the way. */
function walk(path: string, looks: Map<string, Look>): string {
  const rest = path.split("/").filter((part) => part !== "");
  let place = "";
  for (let links = 0, name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "." || name === "") continue;
    if (name === "..") {
      place = place.slice(0, Math.max(0, place.lastIndexOf("/")));
      continue;
    }
    const next = `${place}/${name}`;
    const look = looks.get(next) ?? lookAt(next);
    looks.set(next, look);
    if (look.startsWith("-") || links > linksMax) return "";
    if (!look.startsWith("l")) {
      place = next;
      continue;
    }
    links += 1;
    const target = look.slice(1, look.indexOf("\0"));
    rest.unshift(...target.split("/"));
    if (target.startsWith("/")) place = "";
  }
  return place === "" ? "/" : place;
}

function foldersOf(
  looks: ReadonlyMap<string, Look>,
  facts: readonly PathFact[],
  latestMs: number,
): Folder[] {
  const names = new Map<string, Look[]>();
  const listed = new Map(
    facts.flatMap(({ path, entries }) => (entries === undefined ? [] : [[path, entries] as const])),
  );
  for (const path of listed.keys()) names.set(path, []);
  for (const [path, look] of looks) {
    const folder = path.slice(0, path.lastIndexOf("/")) || "/";
    const others = names.get(folder);
    if (others === undefined) names.set(folder, [look]);
    else others.push(look);
  }
  return [...names].map(([path, inside]) => ({
    path,
    stamp: unstampable.test(path) ? "" : stampOf(path, latestMs),
    device: deviceOf(path),
    looks: inside,
    ...(listed.has(path) ? { entries: listed.get(path) ?? [] } : {}),
  }));
}

function isUnchanged(folder: Folder): boolean {
  const { path, stamp } = folder;
  return (stamp !== "" && stamp === stampOf(path, Infinity)) || holdsAsSeen(folder);
}

function holdsAsSeen({ path, device, looks, entries }: Folder): boolean {
  return (
    device === deviceOf(path) &&
    looks.every(isAsSeen) &&
    (entries === undefined || Bun.deepEquals(entries, entriesOf(path)))
  );
}

function isNamedAsSeen({ path, names }: Linkable): boolean {
  return namesOf(path) === names;
}

function isAsSeen(look: Look): boolean {
  return look === lookAt(look.slice(look.indexOf("\0") + 1));
}

/** @returns "" for a folder that changed after `latestMs` or cannot be looked into */
function stampOf(path: string, latestMs: number): string {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return "-";
    const { dev, ino, mode, mtimeMs, ctimeMs } = found;
    if (mtimeMs > latestMs || ctimeMs > latestMs) return "";
    return `${dev} ${ino} ${mode} ${mtimeMs} ${ctimeMs}`;
  } catch {
    // ignored: its names are then looked at one by one, which tells
    return "";
  }
}

/** -1 for what is not there, and for folders of the kernel, which each process may have anew. */
function deviceOf(path: string): number {
  if (unstampable.test(path)) return -1;
  try {
    return statSync(path, { throwIfNoEntry: false })?.dev ?? -1;
  } catch {
    // ignored: as above
    return -1;
  }
}

function lookAt(path: string): Look {
  return `${kindAt(path)}\0${path}`;
}

function kindAt(path: string): string {
  // The same for every process that asks, though it is a link to another place for each.
  if (path === "/proc/self" || path === "/proc/thread-self") return "d";
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return "-";
    if (found.isDirectory()) return "d";
    if (found.isFile()) return "f";
    return found.isSymbolicLink() ? `l${readlinkSync(path)}` : "o";
  } catch {
    // ignored: what cannot be examined counts as absent, as it did when the plan was made
    return "-";
  }
}

function parse(bytes: Buffer): { header: CachedHeader; plan: Uint8Array } | undefined {
  const start = magic.length + 32;
  if (bytes.length < start + 4 || bytes.toString("latin1", 0, magic.length) !== magic)
    return undefined;
  const body = bytes.subarray(start);
  if (!digest(body).equals(bytes.subarray(magic.length, start))) return undefined;
  const headerEnd = 4 + body.readUInt32LE(0);
  if (headerEnd > body.length) return undefined;
  const header = JSON.parse(body.toString("utf8", 4, headerEnd)) as CachedHeader;
  return { header, plan: body.subarray(headerEnd) };
}

function digest(body: Uint8Array): Buffer {
  return new Bun.CryptoHasher("sha256").update(body).digest();
}

function readIfPossible(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    // ignored: what is not there, or was made unreadable, by another umask or by root, is made anew
    return undefined;
  }
}

function prune(directory: string): void {
  const files = readdirSync(directory).filter((name) => !name.startsWith("."));
  if (files.length <= cachedPlansMax) return;
  const byAge = files
    .map((name) => ({
      name,
      at: statSync(`${directory}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0,
    }))
    .sort((a, b) => a.at - b.at);
  for (const { name } of byAge.slice(0, files.length - cachedPlansMax)) {
    try {
      unlinkSync(`${directory}/${name}`);
    } catch (error) {
      // ignored: another run pruned it first; anything else would show when the next plan is
      // written
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") return;
    }
  }
}
