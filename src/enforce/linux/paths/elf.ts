// The loader a program names, read from the file. Whoever can write the file can influence what is
// read here, so every number is bounded, and what is no such program names no loader.

import { closeSync, constants, openSync, readSync } from "node:fs";
import { type AbsPath, absPath } from "../../../base/paths.ts";

const PT_INTERP = 3;
const programHeadersMax = 128;
const pathMaxBytes = 4096;

/** Of 64-bit little-endian ELF files, which is what the supported machines run. */
export function loaderNamedBy(path: AbsPath): AbsPath | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    // ignored: what cannot be read here cannot be read in the box, and then cannot be run there
    return undefined;
  }
  try {
    return interpreterIn(fd);
  } finally {
    closeSync(fd);
  }
}

function interpreterIn(fd: number): AbsPath | undefined {
  const header = read(fd, 0, 64);
  if (header === undefined || header.getUint32(0) !== 0x7f454c46) return undefined;
  if (header.getUint8(4) !== 2 || header.getUint8(5) !== 1) return undefined;
  const offset = Number(header.getBigUint64(32, true));
  const size = header.getUint16(54, true);
  const count = Math.min(header.getUint16(56, true), programHeadersMax);
  if (size < 56) return undefined;
  for (let index = 0; index < count; index += 1) {
    const entry = read(fd, offset + index * size, 56);
    if (entry?.getUint32(0, true) !== PT_INTERP) continue;
    const length = Number(entry.getBigUint64(32, true));
    if (length < 2 || length > pathMaxBytes) return undefined;
    const text = read(fd, Number(entry.getBigUint64(8, true)), length);
    return text === undefined ? undefined : absPath(new TextDecoder().decode(trimmed(text)));
  }
  return undefined;
}

function trimmed(text: DataView): Uint8Array {
  return new Uint8Array(text.buffer, text.byteOffset, text.byteLength - 1);
}

function read(fd: number, position: number, size: number): DataView | undefined {
  if (!Number.isSafeInteger(position)) return undefined;
  const bytes = new Uint8Array(size);
  try {
    return readSync(fd, bytes, 0, size, position) === size ? new DataView(bytes.buffer) : undefined;
  } catch {
    // ignored: a folder, or a disk that fails, names no loader
    return undefined;
  }
}
