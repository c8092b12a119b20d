// Prepared boxes kept between runs, so that an unchanged policy needs no compiler. One file per key in a private folder;
// a file is used only when its own digest, its key and every fact about the disk still hold. A bad file is a miss.

import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { cachedPlansMax } from "../base/limits.ts";
import type { PathFact, PreparedBox } from "../enforce/backend.ts";
import { realPath } from "../enforce/real-path.ts";
import type { Coverage } from "../model/coverage.ts";

/** What a cached file carries beside the plan; all of it is needed to open a session without compiling. */
interface CachedHeader {
  readonly key: string;
  readonly coverage: Coverage;
  readonly facts: readonly PathFact[];
}

const magic = "AEGC1\n";

/** Key of a plan: SHA-256 hex over length-prefixed parts. */
export function planKey(parts: readonly string[]): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part},`);
  return hash.digest("hex");
}

/** The prepared box of `key`, or undefined when there is none that still holds. */
export function readCachedPlan(directory: string, key: string): PreparedBox | undefined {
  const bytes = readIfPresent(`${directory}/${key}`);
  if (bytes === undefined) return undefined;
  const parsed = parse(bytes);
  if (parsed === undefined || parsed.header.key !== key) return undefined;
  if (!parsed.header.facts.every(stillHolds)) return undefined;
  return { coverage: parsed.header.coverage, facts: parsed.header.facts, bytes: parsed.plan };
}

/** Stores a box; readers see the old file or the whole new one. */
export function writeCachedPlan(directory: string, key: string, box: PreparedBox): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const header: CachedHeader = { key, coverage: box.coverage, facts: box.facts };
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  const body = Buffer.concat([size, text, box.bytes]);
  const file = Buffer.concat([Buffer.from(magic), digest(body), body]);
  const temporary = `${directory}/.${key}.${process.pid}`;
  writeFileSync(temporary, file, { mode: 0o600, flag: "wx" });
  renameSync(temporary, `${directory}/${key}`);
  prune(directory);
}

/** The fact as the disk answers now. Links are followed for the kind: it is the target that gets a rule. */
export function pathFact(path: string): PathFact {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return absent(path);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return absent(path);
  const kind = found.isDirectory() ? "directory" : found.isFile() ? "file" : "other";
  return { path, kind, realPath: realPath(path) };
}

function absent(path: string): PathFact {
  return { path, kind: "absent", realPath: "" };
}

function stillHolds(fact: PathFact): boolean {
  try {
    const now = pathFact(fact.path);
    return now.kind === fact.kind && now.realPath === fact.realPath;
  } catch {
    // ignored: a path that cannot be examined any more makes the plan stale, and compiling it anew reports why
    return false;
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

function readIfPresent(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
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
      // ignored: another run pruned it first; anything else would show when the next plan is written
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") return;
    }
  }
}
