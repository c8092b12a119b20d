// Names of files are bytes; a record, a policy and a person want text. What is UTF-8 is that text.
// A byte that is not becomes U+FFFD and two hexadecimal digits, and so do the three bytes of a
// U+FFFD that really stands in a name: no two names share a spelling, and no other name has it.

const mark = "\uFFFD";
const markBytes = [0xef, 0xbf, 0xbd] as const;
/** Where a byte stands alone, in the form that is matched: as Python's "surrogateescape". */
const lone = 0xdc00;

/** The spelling of a name. */
export function textOfBytes(bytes: Uint8Array): string {
  return textWithin(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
}

/** Of the name that lies there: a decoder, and a view for it, take ten times as long. */
export function textWithin(buffer: Buffer, start: number, end: number): string {
  const plain = buffer.toString("utf8", start, end);
  return plain.includes(mark) ? spelled(buffer.subarray(start, end)) : plain;
}

function spelled(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const size = sequenceAt(bytes, at);
    const piece = bytes.subarray(at, at + Math.max(size, 1));
    const isMark = size === 3 && markBytes.every((byte, index) => piece[index] === byte);
    text += size === 0 || isMark ? escaped(piece) : strict.decode(piece);
    at += piece.length;
  }
  return text;
}

/** True for a spelling with bytes that are no text. */
export function hasLoneBytes(text: string): boolean {
  return text.includes(mark);
}

/** The name of a spelling; undefined for what is no spelling of any name. */
export function bytesOfSpelling(text: string): Uint8Array | undefined {
  const bytes = text.isWellFormed() ? bytesOfText(text) : undefined;
  return bytes === undefined || textOfBytes(bytes) !== text ? undefined : bytes;
}

/**
 * A spelling as it is matched: what was UTF-8 as it is, each other byte as a code unit that stands
 * in no text. Undefined for what is no spelling of any name.
 */
export function matchedForm(text: string): string | undefined {
  if (!text.isWellFormed()) return undefined;
  if (!text.includes(mark)) return text;
  if (bytesOfSpelling(text) === undefined) return undefined;
  return text.replace(escapes, (whole) =>
    whole === escapedMark
      ? mark
      : String.fromCharCode(lone + Number.parseInt(whole.slice(mark.length), 16)),
  );
}

const escapes = /\uFFFDef\uFFFDbf\uFFFDbd|\uFFFD[0-9a-f]{2}/g;
const escapedMark = escaped(Uint8Array.from(markBytes));

function escaped(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `${mark}${byte.toString(16).padStart(2, "0")}`).join("");
}

/** Undefined when an escape lacks its digits. */
function bytesOfText(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [index, part] of text.split(mark).entries()) {
    const digits = index === 0 ? "" : part.slice(0, 2);
    if (index > 0 && !/^[0-9a-f]{2}$/.test(digits)) return undefined;
    if (index > 0) bytes.push(Number.parseInt(digits, 16));
    bytes.push(...encoder.encode(part.slice(digits.length)));
  }
  return Uint8Array.from(bytes);
}

/** Size of the character that begins there, 0 where none does. */
function sequenceAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (size < 2 || first > 0xf4 || at + size > bytes.length) return size === 1 ? 1 : 0;
  try {
    strict.decode(bytes.subarray(at, at + size));
    return size;
  } catch {
    // ignored: that it is no text is the answer
    return 0;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
