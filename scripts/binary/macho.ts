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
/** Segments are mapped in pages of 16 KiB on arm64, which suits x86-64 too. */
const mappedPageShift = 14;
const hashBytes = 32;
const sha256Type = 2;

interface SignatureArea {
  readonly offset: number;
  readonly size: number;
  /** File offset of the load command that names the signature. */
  readonly command: number;
  /** File offset of the load command of the segment __LINKEDIT. */
  readonly linkEdit: number;
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

/**
 * A copy with an ad-hoc signature in place of the one `original` has, longer where that needs more
 * room.
 */
export function signAdHoc(original: Uint8Array, identifier: string): Uint8Array {
  const name = new TextEncoder().encode(`${identifier}\0`);
  const { offset } = signatureArea(original);
  const pages = Math.ceil(offset / (1 << pageShift));
  const hashes = codeDirectoryBytes + name.length;
  const directoryBytes = hashes + pages * hashBytes;
  const file = withSignatureRoom(original, superBlobBytes + directoryBytes);
  const { text } = signatureArea(file);
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
  return file;
}

/**
 * A copy whose signature, the last thing in the file and in its last segment, is empty and has
 * `needed` bytes.
 */
function withSignatureRoom(original: Uint8Array, needed: number): Uint8Array {
  const { offset, size, command, linkEdit } = signatureArea(original);
  if (offset + size !== original.length)
    throw new Error("Cannot sign: the signature is not at the end of the file");
  const room = needed <= size ? size : Math.ceil(needed / 16) * 16;
  const file = new Uint8Array(offset + room);
  file.set(original.subarray(0, offset));
  const view = viewOf(file);
  view.setUint32(command + 12, room, true);
  const fileSize = BigInt(file.length) - view.getBigUint64(linkEdit + 40, true);
  view.setBigUint64(linkEdit + 48, fileSize, true);
  const mapped = view.getBigUint64(linkEdit + 32, true);
  if (fileSize > mapped) {
    const pageBytes = 1n << BigInt(mappedPageShift);
    const pages = (fileSize + pageBytes - 1n) / pageBytes;
    view.setBigUint64(linkEdit + 32, pages * pageBytes, true);
  }
  return file;
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
  let area: { offset: number; size: number; command: number } | undefined;
  let text: SignatureArea["text"] | undefined;
  let linkEdit: number | undefined;
  let at = 32;
  for (let index = 0; index < view.getUint32(16, true); index++) {
    if (view.getUint32(at, true) === codeSignatureCommand) {
      const [offset, size] = [view.getUint32(at + 8, true), view.getUint32(at + 12, true)];
      area = { offset, size, command: at };
    }
    const segment = segmentName(file, at);
    if (segment === "__LINKEDIT") linkEdit = at;
    if (segment === "__TEXT")
      text = { offset: view.getBigUint64(at + 40, true), size: view.getBigUint64(at + 48, true) };
    at += view.getUint32(at + 4, true);
  }
  if (area === undefined || text === undefined || linkEdit === undefined)
    throw new Error("Cannot sign: the file has no signature to replace");
  return { ...area, text, linkEdit };
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
