// Messages that are nearly right: valid ones with bytes flipped, cut, doubled, swapped, and lengths
// made wrong; and ways to cut them into pieces.

import type { Random } from "./random-capabilities.ts";

const interesting = [0, 1, 5, 9, 10, 13, 22, 32, 58, 127, 128, 192, 254, 255];

/** A copy of `bytes` with up to four things changed. */
export function mutated(random: Random, bytes: Uint8Array): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let changes = random(5); changes > 0; changes -= 1) result = change(random, result);
  return result;
}

function change(random: Random, bytes: Buffer): Buffer {
  const at = random(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random(8));
  const piece = bytes.subarray(at, end);
  const changed = Buffer.from(bytes);
  switch (random(7)) {
    case 0:
      if (at < bytes.length) changed[at] = random(256);
      return changed;
    case 1:
      if (at < bytes.length) changed[at] = interesting[random(interesting.length)] ?? 0;
      return changed;
    case 2:
      if (at < bytes.length) changed[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      return changed;
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, end), piece, bytes.subarray(end)]);
    case 5:
      return Buffer.from(bytes.subarray(0, at));
    default: {
      const other = random(bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, other), piece, bytes.subarray(other)]);
    }
  }
}

/** The same bytes in pieces; sometimes in one, sometimes byte by byte. */
export function pieces(random: Random, bytes: Uint8Array): Buffer[] {
  const most = [1, 3, 20, 200, bytes.length][random(5)] ?? 1;
  const cut: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random(Math.max(most, 1));
    cut.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return cut;
}
