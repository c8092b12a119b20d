// The frames of SQLite's write-ahead log, as far as one has to know them to see how many are whole:
// https://sqlite.org/fileformat2.html#the_write_ahead_log. Each has a checksum over itself and all
// before it. Pure.

export const logHeaderSize = 32;
const frameHeaderSize = 24;
/** With the lowest bit set words are summed big-endian. */
const magic = 0x377f0682;

/** With the page that it holds. */
export function frameSizeOf(header: Uint8Array): number {
  return frameHeaderSize + viewOf(header).getUint32(8);
}

/**
 * Takes bytes that begin with a frame and follow what it took before.
 * @returns how many frames from the first on are whole
 */
export type LogCheck = (frames: Uint8Array) => number;

/** Undefined where no log begins so. */
export function createLogCheck(header: Uint8Array): LogCheck | undefined {
  if (header.length < logHeaderSize) return undefined;
  const head = viewOf(header);
  if (head.getUint32(0) >>> 1 !== magic >>> 1) return undefined;
  const isLittleEndian = head.getUint32(0) === magic;
  let sum: Sum = addTo([0, 0], head, 0, 24, isLittleEndian);
  if (!isAt(head, 24, sum)) return undefined;
  const frameSize = frameSizeOf(header);
  return (frames) => {
    const view = viewOf(frames);
    let count = 0;
    for (let at = 0; at + frameSize <= frames.length; at += frameSize) {
      const isOfThisLog =
        view.getUint32(at + 8) === head.getUint32(16) &&
        view.getUint32(at + 12) === head.getUint32(20);
      if (!isOfThisLog) break;
      const first = addTo(sum, view, at, 8, isLittleEndian);
      const page = frameSize - frameHeaderSize;
      const whole = addTo(first, view, at + frameHeaderSize, page, isLittleEndian);
      if (!isAt(view, at + 16, whole)) break;
      sum = whole;
      count++;
    }
    return count;
  };
}

type Sum = readonly [number, number];

function addTo(
  [first, second]: Sum,
  view: DataView,
  from: number,
  length: number,
  isLittleEndian: boolean,
): Sum {
  let a = first;
  let b = second;
  for (let at = from; at < from + length; at += 8) {
    a = (a + view.getUint32(at, isLittleEndian) + b) | 0;
    b = (b + view.getUint32(at + 4, isLittleEndian) + a) | 0;
  }
  return [a, b];
}

function isAt(view: DataView, at: number, [first, second]: Sum): boolean {
  return view.getUint32(at) === first >>> 0 && view.getUint32(at + 4) === second >>> 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
