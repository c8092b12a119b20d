// Server-sent events, block by block and byte for byte. What an event carries is read the way its
// receiver will read it, so that nothing in it passes unseen. Bytes come from servers.

import { AegisError } from "../base/errors.ts";
import { oneLine } from "./lines.ts";

export interface SseBlock {
  /** With the empty line at its end. */
  readonly raw: Uint8Array;
  /** Undefined: the block has no data, as comments and ids have none. */
  readonly data: string | undefined;
  readonly id: string | undefined;
}

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
  return `${id === undefined ? "" : `id: ${id}\n`}event: message\ndata: ${oneLine(data)}\n\n`;
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
  const data: string[] = [];
  let id: string | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    if (name === "id") id = value;
  }
  return { raw, data: data.length === 0 ? undefined : data.join("\n"), id };
}

function tooLong(sizeMax: number): AegisError {
  return new AegisError("json/invalid", `Cannot read an event: it has over ${sizeMax} bytes`);
}
