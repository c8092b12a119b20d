// Bytes of a plan as they grow: records with their sizes and padding, numbers and strings. Every
// bound that does not depend on the kind of a record is checked here. No I/O.

import { bytesOfSpelling, hasLoneBytes } from "../base/byte-text.ts";
import { AegisError } from "../base/errors.ts";
import { pathMaxBytes, planSizeMaxBytes, wordMaxBytes } from "../base/limits.ts";

export const headerSize = 16;
/** u16 kind, u16 flags, u32 size of the payload. */
const recordHeaderSize = 8;
const sizeAt = 8;
const recordsAt = 12;

/** The number of records in an encoded plan. */
export function countRecords(plan: Uint8Array): number {
  return new DataView(plan.buffer, plan.byteOffset).getUint32(recordsAt, true);
}

export interface RecordPlace {
  readonly kind: number;
  /** Where the next record begins. */
  readonly end: number;
  /** The payload's first four bytes as a number; 0 when it has fewer. */
  readonly firstWord: number;
}

/** Walks the records of a plan that a `PlanWriter` made. */
export function* recordsOf(plan: Uint8Array): Iterable<RecordPlace> {
  const view = new DataView(plan.buffer, plan.byteOffset, plan.byteLength);
  for (let at = headerSize; at < plan.length; ) {
    const size = view.getUint32(at + 4, true);
    const end = at + 8 + Math.ceil(size / 8) * 8;
    const firstWord = size < 4 ? 0 : view.getUint32(at + 8, true);
    yield { kind: view.getUint16(at, true), end, firstWord };
    at = end;
  }
}

export function tooLarge(what: string, current: number, most: number): AegisError {
  return unusable(`${current} ${what}, at most ${most} fit`);
}

/** Appends to a plan and grows; never beyond the largest plan there is. */
export class PlanWriter {
  #data: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #size: number;
  #records = 0;
  readonly #text = new TextEncoder();

  /** Goes on behind `start`, an encoded plan; without it a new plan. */
  constructor(start: Uint8Array = new Uint8Array(headerSize)) {
    this.#data = new Uint8Array(start.length + 16_384);
    this.#data.set(start);
    this.#view = new DataView(this.#data.buffer);
    this.#size = start.length;
  }

  record(kind: number, payload: () => void, flags = 0): void {
    this.u16(kind);
    this.u16(flags);
    this.u32(0);
    const start = this.#size;
    payload();
    const size = this.#size - start;
    this.#view.setUint32(start - 4, size, true);
    const padding = (8 - (size % 8)) % 8;
    this.#room(padding);
    this.#data.fill(0, this.#size, this.#size + padding);
    this.#size += padding;
    this.#records += 1;
  }

  /**
   * A record for each word of a command: the bytes that a spelling stands for (base/byte-text.ts),
   * as many as Linux takes. A hundred of them are on the way of every launch.
   */
  words(kind: number, words: readonly string[], name: (word: string) => string): void {
    const tooLong = (word: string) =>
      unusable(`${name(word)} is longer than ${wordMaxBytes - 1} bytes`, longWordHint);
    for (const word of words) {
      if (word.length >= wordMaxBytes) throw tooLong(word);
      if (word.includes("\0")) throw unusable(`${name(word)} holds a NUL`);
      const start = this.#size + recordHeaderSize;
      this.#room(recordHeaderSize + word.length * 3 + 7);
      const written = this.#spelled(word, start, name);
      if (written >= wordMaxBytes) throw tooLong(word);
      const end = start + written;
      this.#size = start + ((written + 7) & ~7);
      this.#data.fill(0, end, this.#size);
      this.#view.setUint32(start - 8, kind, true);
      this.#view.setUint32(start - 4, written, true);
      this.#records += 1;
    }
  }

  /** The caller has made room. @returns bytes written */
  #spelled(text: string, at: number, name: (text: string) => string): number {
    if (!hasLoneBytes(text)) return this.#text.encodeInto(text, this.#data.subarray(at)).written;
    const bytes = bytesOfSpelling(text);
    if (bytes === undefined) throw unusable(`${name(text)} has bytes that are no text`);
    this.#data.set(bytes, at);
    return bytes.length;
  }

  u8(value: number): void {
    this.#room(1);
    this.#data[this.#size++] = value;
  }

  u16(value: number): void {
    this.#room(2);
    this.#view.setUint16(this.#size, value, true);
    this.#size += 2;
  }

  u32(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.#size, value, true);
    this.#size += 4;
  }

  u64(value: bigint): void {
    this.#room(8);
    this.#view.setBigUint64(this.#size, value, true);
    this.#size += 8;
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length);
    this.#data.set(value, this.#size);
    this.#size += value.length;
  }

  path(path: string): void {
    if (!path.startsWith("/")) throw unusable(`The path "${path}" is not absolute`);
    this.str(`The path "${path}"`, path, pathMaxBytes - 1);
  }

  /** u16 length and the bytes. `what` begins the sentence of a refusal. */
  str(what: string, text: string, most = 0xffff): void {
    const at = this.#size;
    this.u16(0);
    if (text.includes("\0")) throw unusable(`${what} holds a NUL`);
    this.#append(what, text, most);
    this.#view.setUint16(at, this.#size - at - 2, true);
  }

  /** A `like` pattern: literal parts joined by NUL. */
  parts(parts: readonly string[]): void {
    const at = this.#size;
    this.u16(0);
    if (parts.length === 0 || parts.some((part) => part.includes("\0")))
      throw unusable("A pattern holds a NUL or nothing at all");
    this.#append("A pattern", parts.join("\0"), 0xffff);
    this.#view.setUint16(at, this.#size - at - 2, true);
  }

  /** The plan so far, with a header that counts `recordsBefore` as well. */
  finish(recordsBefore: number): Uint8Array {
    if (this.#size > planSizeMaxBytes) throw tooLarge("bytes", this.#size, planSizeMaxBytes);
    this.#data.set(this.#text.encode("AEGP"));
    this.#view.setUint16(4, 1, true);
    this.#view.setUint16(6, 0, true);
    this.#view.setUint32(sizeAt, this.#size, true);
    this.#view.setUint32(recordsAt, recordsBefore + this.#records, true);
    return this.#data.subarray(0, this.#size);
  }

  #append(what: string, text: string, most: number): void {
    if (text.length > most) throw unusable(`${what} is longer than ${most} bytes`);
    this.#room(text.length * 3);
    const { written } = this.#text.encodeInto(text, this.#data.subarray(this.#size));
    if (written > most) throw unusable(`${what} is longer than ${most} bytes`);
    this.#size += written;
  }

  #room(more: number): void {
    if (this.#size + more <= this.#data.length) return;
    if (this.#size > planSizeMaxBytes) throw tooLarge("bytes", this.#size, planSizeMaxBytes);
    const larger = new Uint8Array(Math.max(this.#data.length * 2, this.#size + more));
    larger.set(this.#data.subarray(0, this.#size));
    this.#data = larger;
    this.#view = new DataView(larger.buffer);
  }
}

const longWordHint = "Linux takes no more: hand it over in a file or on standard input";

function unusable(sentence: string, hint?: string): AegisError {
  return new AegisError("enforce/helper", `Cannot write the plan: ${sentence}`, { hint });
}
