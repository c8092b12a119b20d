// A disk that fails under a real process: the library for it, and what would be on the disk after
// the power was cut, which is what was flushed and nothing else.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { tempDir } from "./temp.ts";

const source = join(import.meta.dir, "../fixtures/failing-disk.c");
/** In the folder of this run, so that it is built once. */
const libraries = tempDir("failing-disk");

/** The library that is preloaded; built with gcc. */
export function failingDisk(): string {
  const library = join(libraries, "failing-disk.so");
  if (existsSync(library)) return library;
  const command = ["gcc", "-shared", "-fPIC", "-O1", "-o", library, source];
  const { exitCode } = Bun.spawnSync(command, { stdio: ["ignore", "inherit", "inherit"] });
  if (exitCode !== 0) throw new Error("Cannot build failing-disk.so");
  return library;
}

export interface TracedDisk {
  /** In front of commands, whose writing and flushing is then traced; one at a time does any. */
  readonly before: readonly string[];
  /** From now on every flush of the command fails. */
  fail(): void;
  mend(): void;
  /** Of the first command, once it runs. */
  pid(): number;
  /**
   * What files of that folder consist of after the power was cut, in a folder of its own. The
   * commands have ended; the folder had none before they began.
   * @param withUnflushed what was written after the last flush got there as well
   */
  afterPowerCut(folder: string, withUnflushed: boolean): string;
}

/** Needs strace and gcc. */
export function traceDisk(): TracedDisk {
  const place = tempDir("traced-disk");
  const trace = join(place, "trace");
  const flag = join(place, "failing");
  const calls = "execve,pwrite64,pwritev,write,ftruncate,fsync,fdatasync,fadvise64,unlink,unlinkat";
  const how = ["-f", "-y", "-xx", "-s", "9999999", "-e", "signal=none", "-A", "-o", trace];
  const preload = ["-E", `LD_PRELOAD=${failingDisk()}`, "-E", `FAIL_WHILE=${flag}`];
  return {
    before: ["strace", ...how, "-e", `trace=${calls}`, ...preload],
    fail: () => writeFileSync(flag, ""),
    mend: () => rmSync(flag),
    pid: () => Number(/^(\d+) +execve/.exec(readFileSync(trace, "utf8"))?.[1]),
    afterPowerCut(folder, withUnflushed) {
      const files = new Map<string, OnDisk>();
      for (const call of callsIn(readFileSync(trace, "utf8"))) follow(files, folder, call);
      const cut = join(tempDir("power-cut"), basename(folder));
      mkdirSync(cut);
      for (const [name, { kept, pending }] of files) {
        const bytes = withUnflushed ? pending.reduce(changed, kept) : kept;
        writeFileSync(join(cut, name), bytes, { mode: 0o600 });
      }
      return cut;
    },
  };
}

/** A file on the disk, and what was done to it since it was flushed. */
interface OnDisk {
  kept: Buffer;
  pending: Change[];
}

interface Change {
  readonly at: number;
  /** Absent: everything behind `at` goes. */
  readonly bytes?: Buffer;
}

interface Call {
  readonly name: string;
  readonly path: string;
  /** Behind the file. */
  readonly rest: string;
  /** It begins to, it is done, or both. */
  readonly begins: boolean;
  readonly ends: boolean;
}

/** Names are on the disk at once, as in a journal; what is in files is once it was flushed. */
function follow(files: Map<string, OnDisk>, folder: string, call: Call): void {
  const { name, path, rest, begins, ends } = call;
  const file = basename(path);
  if (dirname(path) !== folder || file.endsWith("-shm")) return;
  if (name.startsWith("unlink")) {
    files.delete(file);
    return;
  }
  const known = files.get(file) ?? { kept: Buffer.alloc(0), pending: [] };
  files.set(file, known);
  if (name === "pwrite64" && begins) {
    const [, text = "", at = ""] = /^, "([^"]*)", \d+, (\d+)/.exec(rest) ?? [];
    if (at === "") throw new Error(`Cannot follow ${name}${rest.slice(0, 40)}`);
    known.pending.push({ at: Number(at), bytes: unescaped(text) });
  } else if (name === "ftruncate" && begins) {
    known.pending.push({ at: Number(/^, (\d+)/.exec(rest)?.[1]) });
  } else if (name === "fadvise64") {
    if (begins) known.pending = [];
  } else if (name === "fsync" || name === "fdatasync") {
    // What is written while it is under way may miss it.
    if (begins) known.kept = known.pending.splice(0).reduce(changed, known.kept);
    if (ends && !/\) += 0$/.test(rest)) throw new Error(`A flush of ${path} failed by itself`);
  } else if (begins) throw new Error(`Cannot follow ${name} of ${path}`);
}

function changed(kept: Buffer, { at, bytes }: Change): Buffer {
  if (bytes === undefined) return kept.subarray(0, at);
  const grown = Buffer.alloc(Math.max(kept.length, at + bytes.length));
  kept.copy(grown);
  bytes.copy(grown, at);
  return grown;
}

function* callsIn(trace: string): Iterable<Call> {
  const unfinished = new Map<string, Omit<Call, "begins" | "ends">>();
  for (const line of trace.split("\n")) {
    const [, pid = "", resumed, end = ""] = /^(\d+) +<\.\.\. (\w+) resumed>(.*)/.exec(line) ?? [];
    if (resumed !== undefined) {
      const call = unfinished.get(pid);
      unfinished.delete(pid);
      if (call !== undefined) yield { ...call, rest: end, begins: false, ends: true };
      continue;
    }
    const [, caller = "", name = "", on = "", rest = ""] =
      /^(\d+) +(\w+)\((?:\d+<|"|AT_FDCWD<[^>]*>, ")((?:\\x[0-9a-f]{2})+)[>"](.*)/.exec(line) ?? [];
    if (name === "") continue;
    const call = { name, path: unescaped(on).toString(), rest };
    const ends = !rest.endsWith("<unfinished ...>");
    if (!ends) unfinished.set(caller, call);
    yield { ...call, begins: true, ends };
  }
}

/** Strace writes every byte as `\x61`. */
function unescaped(text: string): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}
