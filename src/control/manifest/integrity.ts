// Are the files that a manifest vouches for the files that are there? Pure: whoever reads the disk
// hands over hashes. Names come from publishers and from folders nobody checked.

import { sha256Hex } from "../../base/hash.ts";

/** Relative path, with `/`, to the SHA-256 of the content in hex. */
export type FileHashes = ReadonlyMap<string, string>;

/** Of a manifest that was read: its paths stay below the folder, its hashes are some. */
export interface Declared {
  readonly files: Readonly<Record<string, string>>;
  readonly treeHash: string | undefined;
}

/** One hash for all files: that of the lines `PATH:HASH`, sorted by the bytes of the path. */
export function treeHash(files: FileHashes): string {
  const sorted = [...files].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return sha256Hex(sorted.map(([path, hash]) => `${path}:${hash}\n`).join(""));
}

/**
 * Everything that is wrong, sorted by path; a list without entries means that all is as declared.
 * @param found hashes of the declared files that are there; with a tree hash, of all files
 */
export function integrityProblems(declared: Declared, found: FileHashes): readonly string[] {
  const paths = Object.keys(declared.files).sort();
  const problems = paths.flatMap((path): string[] => {
    const wanted = declared.files[path] ?? "";
    const got = found.get(path);
    if (got === undefined) return [`${path}: missing`];
    return got === wanted ? [] : [`${path}: hash mismatch (want ${wanted} got ${got})`];
  });
  if (declared.treeHash === undefined) return problems;
  const got = treeHash(found);
  if (got === declared.treeHash) return problems;
  const extra = paths.length === 0 ? [] : undeclared(declared, found);
  const text = `tree_sha256: hash mismatch (want ${declared.treeHash} got ${got})`;
  return [...problems, ...extra, text];
}

function undeclared({ files }: Declared, found: FileHashes): readonly string[] {
  const paths = [...found.keys()].filter((path) => !Object.hasOwn(files, path)).sort();
  return paths.map((path) => `${path}: not declared`);
}
