// A stream of bytes cut into lines of bounded length. What is longer is skipped to its end, so that
// the line after it is read as what it is. Bytes come from either side of the proxy. And the other
// way: a message as one line.

export type Line = Uint8Array | "too long";

const newline = 0x0a;

/** Lines without anything but white space are left out. */
export async function* linesOf(
  stream: AsyncIterable<Uint8Array>,
  lengthMax: number,
): AsyncGenerator<Line> {
  let kept: Uint8Array[] = [];
  let length = 0;
  let isTooLong = false;
  for await (const chunk of stream) {
    let from = 0;
    for (;;) {
      const at = chunk.indexOf(newline, from);
      const piece = chunk.subarray(from, at < 0 ? undefined : at);
      length += piece.length;
      if (length > lengthMax) {
        isTooLong = true;
        kept = [];
      } else if (piece.length > 0) {
        // The stream may use the memory of a chunk again.
        kept.push(at < 0 ? piece.slice() : piece);
      }
      if (at < 0) break;
      const line = isTooLong ? "too long" : joined(kept);
      if (line === "too long" || !isBlank(line)) yield line;
      [kept, length, isTooLong] = [[], 0, false];
      from = at + 1;
    }
  }
  const last = isTooLong ? "too long" : joined(kept);
  if (last === "too long" || !isBlank(last)) yield last;
}

/**
 * A message for a reader of lines or of events. JSON has line breaks between its words alone, where
 * a space says the same; a reader may end a message at any of them, and would take what stands
 * between two for one that nobody decided about.
 */
export function oneLine(json: string): string {
  return json.replace(/[\r\n]/g, " ");
}

/** In memory of its own. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([...pieces]);
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
