// Reads a tar archive in memory: files and nothing else. Pure. An archive is whatever somebody
// built, so links, devices, extended names and paths that lead outside are refused, not skipped.

import { err, ok, type Result } from "../../base/result.ts";

export interface TarFile {
  /** Relative, with `/` between its parts. */
  readonly path: string;
  readonly content: Uint8Array;
}

const block = 512;

/** An error is a sentence's end: why the archive cannot be used. */
export function readTar(bytes: Uint8Array, entriesMax: number): Result<readonly TarFile[], string> {
  const files: TarFile[] = [];
  const seen = new Set<string>();
  for (let at = 0; at + block <= bytes.length; ) {
    const header = bytes.subarray(at, at + block);
    if (header.every((byte) => byte === 0)) return ok(files);
    if (!hasChecksum(header)) return err("a header is damaged");
    const size = octal(header.subarray(124, 136));
    if (size === undefined || at + block + size > bytes.length) return err("it is cut off");
    const content = bytes.subarray(at + block, at + block + size);
    const type = String.fromCharCode(header[156] ?? 0);
    at += block + Math.ceil(size / block) * block;
    if (type === "5" || ((type === "x" || type === "g") && isPlain(content))) continue;
    const found = pathOf(header);
    if (!found.ok) return found;
    const path = found.value;
    if (type !== "0" && type !== "\0") return err(`"${path}" is no plain file`);
    if (seen.has(path)) return err(`"${path}" is there twice`);
    if (files.length >= entriesMax) return err(`it has more than ${entriesMax} files`);
    seen.add(path);
    files.push({ path, content });
  }
  return err("it has no end");
}

/** Attributes that change neither a name nor a size nor what the entry is. */
function isPlain(content: Uint8Array): boolean {
  const text = new TextDecoder().decode(content);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .every((line) => /^\d+ (?:mtime|atime|ctime|uid|gid|uname|gname|comment)=/.test(line));
}

function hasChecksum(header: Uint8Array): boolean {
  const wanted = octal(header.subarray(148, 156));
  let sum = 0;
  for (const [at, byte] of header.entries()) sum += at >= 148 && at < 156 ? 0x20 : byte;
  return sum === wanted;
}

function octal(field: Uint8Array): number | undefined {
  const text = new TextDecoder("latin1")
    .decode(field)
    .replace(/[\0 ]+$/, "")
    .trimStart();
  return /^[0-7]{1,11}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

function pathOf(header: Uint8Array): Result<string, string> {
  const name = fieldOf(header.subarray(0, 100));
  const isUstar = utf8.decode(fieldOf(header.subarray(257, 262))) === "ustar";
  const prefix = isUstar && header[262] === 0 ? fieldOf(header.subarray(345, 500)) : undefined;
  const isWhole = prefix === undefined || prefix.length === 0;
  const bytes = isWhole ? name : Buffer.concat([prefix, Buffer.from("/"), name]);
  const text = utf8.decode(bytes);
  const named = JSON.stringify(text);
  if (!Buffer.from(text).equals(bytes)) return err(`the path ${named} is no UTF-8`);
  const path = text.replace(/^(?:\.?\/)+/, "");
  const parts = path.split("/");
  if (parts.includes("..")) return err(`the path ${named} leads outside`);
  const isPath = parts.every((part) => part !== "" && part !== ".");
  return isPath ? ok(path) : err(`${named} is no path of a file`);
}

/** Whatever is none is replaced, which makes it longer or another text. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Up to the first zero. */
function fieldOf(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}
