// Server-sent events, block by block and byte for byte. What an event carries is read the way its
// receiver will read it, so that nothing in it passes unseen. Bytes come from servers.

import { AegisError } from "../../base/errors.ts";
import { oneLine } from "../lines.ts";

export interface SseBlock {
  /** With the empty line at its end; as it was sent, but for what is no line to every receiver. */
  readonly raw: Uint8Array;
  /** Undefined: the block has no data, as comments and ids have none. */
  readonly data: string | undefined;
  readonly id: string | undefined;
}

/** What else some receivers take for the end of a line, and what of it may stand in JSON. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these end lines there
const otherBreaks = /[\u000b\u000c\u001c-\u001e\u0085\u2028\u2029]/;
const breaksInJson = /[\u0085\u2028\u2029]/g;

const [cr, lf] = [0x0d, 0x0a];
const mark = [0xef, 0xbb, 0xbf];

/**
 * An unfinished block at the end is left out: a receiver drops it as well.
 * @throws {AegisError} for a block that is too long or no UTF-8
 */
export async function* sseBlocks(
  stream: AsyncIterable<Uint8Array>,
  sizeMax: number,
): AsyncGenerator<SseBlock> {
  let kept: Uint8Array[] = [];
  let size = 0;
  let isLineEmpty = true;
  let wasCr = false;
  let isFirst = true;
  for await (const chunk of stream) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      const isHalf = byte === lf && wasCr;
      wasCr = byte === cr;
      if (isHalf) {
        // The other half of an end that was passed on already: nobody shall wait for it.
        if (kept.length === 0 && at === 0 && !isFirst) {
          yield { raw: chunk.slice(0, 1), data: undefined, id: undefined };
          from = 1;
        }
        continue;
      }
      if (byte !== cr && byte !== lf) {
        isLineEmpty = false;
        continue;
      }
      if (!isLineEmpty) {
        isLineEmpty = true;
        continue;
      }
      if (byte === cr && chunk[at + 1] === lf) {
        at += 1;
        wasCr = false;
      }
      kept.push(chunk.subarray(from, at + 1));
      from = at + 1;
      const raw = Buffer.concat(kept);
      if (raw.length > sizeMax) throw tooLong(sizeMax);
      yield blockOf(raw, isFirst);
      [kept, size, isFirst] = [[], 0, false];
    }
    // The stream may use the memory of a chunk again.
    if (from < chunk.length) kept.push(chunk.slice(from));
    size += chunk.length - from;
    if (size > sizeMax) throw tooLong(sizeMax);
  }
}

export function sseText(data: string, id?: string): string {
  const named = id === undefined ? "" : `id: ${id}\n`;
  return `${named}event: message\ndata: ${escaped(oneLine(data))}\n\n`;
}

function blockOf(raw: Uint8Array, isFirst: boolean): SseBlock {
  const hasMark = isFirst && mark.every((byte, at) => raw[at] === byte);
  let text: string;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    text = decoder.decode(hasMark ? raw.subarray(mark.length) : raw);
  } catch (cause) {
    throw new AegisError("json/invalid", "Cannot read an event: it is not UTF-8", { cause });
  }
  const given = text.split(/\r\n|\n|\r/);
  const lines = given.flatMap(lineForAll);
  const isSame = lines.every((line, at) => line === given[at]) && lines.length === given.length;
  const data: string[] = [];
  let id: string | undefined;
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    if (name === "id") id = value;
  }
  const sent = isSame ? raw : new TextEncoder().encode(lines.join("\n"));
  return { raw: sent, data: data.length === 0 ? undefined : data.join("\n"), id };
}

/** One line to every receiver, or none: a comment could hold an event that nobody here reads. */
function lineForAll(line: string): readonly string[] {
  if (!otherBreaks.test(line)) return [line];
  return /^data(:|$)/.test(line) ? [escaped(line)] : [];
}

/** JSON has such a character inside texts alone, where its number says the same. */
function escaped(json: string): string {
  const number = (letter: string) => letter.charCodeAt(0).toString(16).padStart(4, "0");
  return json.replace(breaksInJson, (letter) => `\\u${number(letter)}`);
}

function tooLong(sizeMax: number): AegisError {
  return new AegisError("json/invalid", `Cannot read an event: it has over ${sizeMax} bytes`);
}
