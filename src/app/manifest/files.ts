// Manifests and the files they vouch for, on disk. Whoever made a folder may have put links and
// odd names into it: links are refused, never followed.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from "node:fs";
import { textOfBytes } from "../../base/byte-text.ts";
import { AegisError } from "../../base/errors.ts";
import { sha256Hex } from "../../base/hash.ts";
import { policySizeMaxBytes } from "../../base/limits.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { bytesWithin } from "../../config/files.ts";
import { type Declared, integrityProblems } from "../../control/manifest/integrity.ts";
import { readSignature } from "../../control/trust/signed-bytes.ts";
import type { Position } from "../../policy/cedar/text.ts";
import { pathFlaw } from "../../policy/manifest/declared-path.ts";
import { type Manifest, parseManifest, withoutMark } from "../../policy/manifest/parse.ts";

/** @throws {AegisError} with the text `manifest: open PATH: …` */
export function readManifestText(path: AbsPath): string {
  let bytes: Uint8Array;
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    bytes = bytesWithin(path, fd, policySizeMaxBytes);
  } catch (cause) {
    if (cause instanceof AegisError) {
      throw new AegisError("policy/invalid", `manifest: open ${path}: it is too large`);
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AegisError("policy/not-found", `manifest: open ${path}: ${why}`, { cause });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AegisError("policy/invalid", "manifest: decode: it is not UTF-8", { cause });
  }
}

/** The checked manifest with its text, or its first flaw as the format words it. */
export type ReadManifest =
  | { readonly ok: true; readonly manifest: Manifest; readonly text: string }
  | { readonly ok: false; readonly message: string; readonly hint: string; readonly at: Position };

/** @throws {AegisError} when there is no such file */
export function readManifest(path: AbsPath): Promise<ReadManifest> {
  return checkManifestText(path, readManifestText(path));
}

export async function checkManifestText(path: AbsPath, read: string): Promise<ReadManifest> {
  const text = withoutMark(read);
  const parsed = await parseManifest({ kind: "manifest", name: path, text });
  if (parsed.ok) return { ok: true, manifest: parsed.value, text };
  const { message = "manifest: invalid", hint = "", line = 1, column = 1 } = parsed.error[0] ?? {};
  return { ok: false, message, hint, at: { line, column } };
}

/** @throws {AegisError} `policy/invalid` with the first flaw */
export async function requireManifest(path: AbsPath): Promise<Manifest> {
  return (await requireManifestText(path)).manifest;
}

/** The manifest and the very text it was read from. @throws {AegisError} as `requireManifest` */
export async function requireManifestText(
  path: AbsPath,
  text: string = readManifestText(path),
): Promise<{ readonly manifest: Manifest; readonly text: string }> {
  const read = await checkManifestText(path, text);
  if (read.ok) return read;
  throw new AegisError("policy/invalid", read.message, {
    hint: read.hint === "" ? undefined : read.hint,
  });
}

export interface IntegrityResult {
  readonly count: number;
  readonly problems: readonly string[];
}

/**
 * @param directory the folder that declared paths are relative to
 * @param manifestPath is left out of the tree, as is the file of its signature: the one holds the
 * tree's own hash, the other is made over it
 */
export function checkIntegrity(
  { json }: Manifest,
  directory: AbsPath,
  manifestPath: AbsPath,
): IntegrityResult {
  const { files = {}, tree_sha256: tree } = json.integrity ?? {};
  const declared: Declared = { files, treeHash: tree === "" ? undefined : tree };
  const folder = realFolder(directory);
  const unusable: string[] = [];
  const found = new Map<string, string>();
  const paths = declared.treeHash === undefined ? Object.keys(files) : undefined;
  const own = ownFiles(manifestPath, json.integrity?.signature ?? "");
  for (const path of paths ?? filesBelow(folder, unusable)) {
    if (paths === undefined && own.has(`${folder}/${path}`)) continue;
    const hash = hashOf(folder, path, unusable);
    if (hash !== undefined) found.set(path, hash);
  }
  const known = new Set(unusable.map((text) => text.slice(0, text.indexOf(": "))));
  const others = integrityProblems(declared, found).filter(
    (text) => !(text.endsWith(": missing") && known.has(text.slice(0, text.lastIndexOf(": ")))),
  );
  return { count: found.size, problems: [...unusable, ...others].sort() };
}

function ownFiles(manifestPath: AbsPath, signature: string): ReadonlySet<string> {
  const real = realpathSync(manifestPath);
  const written = readSignature(signature);
  const below = real.slice(0, real.lastIndexOf("/") + 1);
  return new Set(written.kind === "file" ? [real, `${below}${written.path}`] : [real]);
}

/** @throws {AegisError} `policy/not-found` */
export function realFolder(directory: AbsPath): AbsPath {
  try {
    const folder = realpathSync(directory);
    if (statSync(folder).isDirectory()) return resolvePath(directory, folder);
  } catch (cause) {
    throw new AegisError("policy/not-found", `Cannot look into "${directory}": it is not there`, {
      cause,
    });
  }
  throw new AegisError("policy/not-found", `Cannot look into "${directory}": it is no folder`);
}

const filesMax = 100_000;

/**
 * Regular files below, as relative paths; what is neither file nor folder is a problem, and so is a
 * name that is no text: whoever asked for it as one would not find it.
 */
export function filesBelow(
  folder: AbsPath,
  problems: string[],
  skip: (name: string) => boolean = () => false,
): readonly string[] {
  const found: string[] = [];
  const waiting = [""];
  for (let below = waiting.pop(); below !== undefined; below = waiting.pop()) {
    for (const bytes of readdirSync(`${folder}/${below}`, { encoding: "buffer" })) {
      const name = textOfBytes(bytes);
      const place = Buffer.concat([Buffer.from(`${folder}/${below}`), bytes]);
      const entry = lstatSync(place, { throwIfNoEntry: false });
      // Gone meanwhile, or left out.
      if (entry === undefined || (entry.isDirectory() && skip(name))) continue;
      const path = `${below}${bytes.toString()}`;
      if (!Buffer.from(`${folder}/${path}`).equals(place)) {
        const shown = `${below}${name}${entry.isDirectory() ? "/" : ""}`;
        problems.push(`${shown}: the name is not UTF-8`);
      } else if (entry.isDirectory()) waiting.push(`${path}/`);
      else if (pathFlaw(path) !== undefined) problems.push(`${path}: the path ${pathFlaw(path)}`);
      else if (entry.isFile()) found.push(path);
      else problems.push(`${path}: ${entry.isSymbolicLink() ? "is a link" : "is no file"}`);
    }
    if (found.length > filesMax) {
      throw new AegisError("policy/invalid", `Cannot look into "${folder}": too many files`);
    }
  }
  return found;
}

function hashOf(folder: AbsPath, path: string, problems: string[]): string | undefined {
  const bytes = readInside(folder, path, problems);
  return bytes === undefined ? undefined : sha256Hex(bytes);
}

/** The content of a file that no link leads to; undefined when there is none. */
export function readInside(
  folder: AbsPath,
  path: string,
  problems: string[],
): Uint8Array | undefined {
  const file = `${folder}/${path}`;
  let fd: number;
  try {
    if (lstatSync(file).isSymbolicLink()) {
      problems.push(`${path}: is a link`);
      return undefined;
    }
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ignored: a file that is not there is reported as missing by whoever declared it
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
  try {
    const opened = fstatSync(fd);
    const flaw = opened.isFile() ? linkFlaw(file, opened) : "is no file";
    if (flaw === undefined) return readFileSync(fd);
    problems.push(`${path}: ${flaw}`);
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** What was opened has to be what stands at the path without any link on the way. */
function linkFlaw(file: string, opened: { dev: number; ino: number }): string | undefined {
  const { dev, ino } = lstatSync(file);
  if (realpathSync(file) !== file) return "a link is on the way";
  return dev === opened.dev && ino === opened.ino ? undefined : "it changed while it was read";
}
