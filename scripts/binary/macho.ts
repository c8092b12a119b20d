// The code signature of a Mach-O program: checked page by page, replaced by an ad-hoc one where the
// bundler left a broken one (Bun signs arm64 itself but leaves the runtime's old signature on
// x86-64, where macOS would kill the program). Only thin 64-bit little-endian files, which is what
// Bun makes. Layouts: Apple's cs_blobs.h and mach-o/loader.h.

const machO64 = 0xfeedfacf;
const codeSignatureCommand = 0x1d;
const superBlobMagic = 0xfade0cc0;
const codeDirectoryMagic = 0xfade0c02;
const codeDirectoryVersion = 0x20400;
const adHocLinkerSigned = 0x20002;
const executableSegmentMain = 1n;
const superBlobBytes = 20;
const codeDirectoryBytes = 88;
const pageShift = 12;
const hashBytes = 32;
const sha256Type = 2;

interface SignatureArea {
  readonly offset: number;
  readonly size: number;
  /** File offset and size of the segment __TEXT. */
  readonly text: { readonly offset: bigint; readonly size: bigint };
}

/** True when every page of the file has the hash its code directory states. */
export function isSignatureValid(file: Uint8Array): boolean {
  const { offset } = signatureArea(file);
  const view = viewOf(file);
  if (view.getUint32(offset) !== superBlobMagic) return false;
  for (let index = 0; index < view.getUint32(offset + 8); index++) {
    const blob = offset + view.getUint32(offset + superBlobBytes - 4 + 8 * index);
    if (view.getUint32(blob) === codeDirectoryMagic)
      return view.getUint32(blob + 32) === offset && hasEveryPage(file, blob);
  }
  return false;
}

/** Writes an ad-hoc signature over the one the file has. The file keeps its size. */
export function signAdHoc(file: Uint8Array, identifier: string): void {
  const { offset, size, text } = signatureArea(file);
  const name = new TextEncoder().encode(`${identifier}\0`);
  const pages = Math.ceil(offset / (1 << pageShift));
  const hashes = codeDirectoryBytes + name.length;
  const directoryBytes = hashes + pages * hashBytes;
  if (superBlobBytes + directoryBytes > size)
    throw new Error(`Cannot sign: ${directoryBytes} bytes do not fit into ${size}`);
  file.fill(0, offset, offset + size);
  const view = viewOf(file);
  [superBlobMagic, superBlobBytes + directoryBytes, 1, 0, superBlobBytes].forEach((word, index) => {
    view.setUint32(offset + 4 * index, word);
  });
  const directory = offset + superBlobBytes;
  const words = [codeDirectoryMagic, directoryBytes, codeDirectoryVersion, adHocLinkerSigned];
  [...words, hashes, codeDirectoryBytes, 0, pages, offset].forEach((word, index) => {
    view.setUint32(directory + 4 * index, word);
  });
  file.set([hashBytes, sha256Type, 0, pageShift], directory + 36);
  view.setBigUint64(directory + 64, text.offset);
  view.setBigUint64(directory + 72, text.size);
  view.setBigUint64(directory + 80, executableSegmentMain);
  file.set(name, directory + codeDirectoryBytes);
  for (let page = 0; page < pages; page++) {
    const from = page << pageShift;
    const bytes = file.subarray(from, Math.min(from + (1 << pageShift), offset));
    file.set(sha256(bytes), directory + hashes + page * hashBytes);
  }
}

function hasEveryPage(file: Uint8Array, directory: number): boolean {
  const view = viewOf(file);
  const hashes = directory + view.getUint32(directory + 16);
  const pages = view.getUint32(directory + 28);
  const limit = view.getUint32(directory + 32);
  const pageBytes = 1 << view.getUint8(directory + 39);
  if (pages !== Math.ceil(limit / pageBytes)) return false;
  for (let page = 0; page < pages; page++) {
    const bytes = file.subarray(page * pageBytes, Math.min((page + 1) * pageBytes, limit));
    const stated = file.subarray(hashes + page * hashBytes, hashes + (page + 1) * hashBytes);
    if (Buffer.compare(sha256(bytes), stated) !== 0) return false;
  }
  return true;
}

function signatureArea(file: Uint8Array): SignatureArea {
  const view = viewOf(file);
  if (view.getUint32(0, true) !== machO64) throw new Error("Cannot sign: no 64-bit Mach-O file");
  let area: { offset: number; size: number } | undefined;
  let text: SignatureArea["text"] | undefined;
  let at = 32;
  for (let command = 0; command < view.getUint32(16, true); command++) {
    if (view.getUint32(at, true) === codeSignatureCommand)
      area = { offset: view.getUint32(at + 8, true), size: view.getUint32(at + 12, true) };
    if (segmentName(file, at) === "__TEXT")
      text = { offset: view.getBigUint64(at + 40, true), size: view.getBigUint64(at + 48, true) };
    at += view.getUint32(at + 4, true);
  }
  if (area === undefined || text === undefined)
    throw new Error("Cannot sign: the file has no room for a signature");
  return { ...area, text };
}

function segmentName(file: Uint8Array, command: number): string | undefined {
  const segment64 = 0x19;
  if (viewOf(file).getUint32(command, true) !== segment64) return undefined;
  return Buffer.from(file.subarray(command + 8, command + 24))
    .toString("latin1")
    .split("\0")[0];
}

function sha256(bytes: Uint8Array): Buffer {
  return new Bun.CryptoHasher("sha256").update(bytes).digest();
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}
