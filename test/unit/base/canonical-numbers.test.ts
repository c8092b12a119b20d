// Numbers in canonical form against the published checksums of the ES6 number sequence that RFC
// 8785 (appendix B) refers to: a line is the bits of a double in hex, a comma and the number.

import { describe, expect, test } from "bun:test";
import { canonicalJson } from "../../../src/base/canonical-json.ts";
import { testMs } from "../../support/patience.ts";

/** Lines, SHA-256 of the text up to there. `AEGIS_FLOAT_LINES` raises how far the test goes. */
const published: readonly (readonly [number, string])[] = [
  [1_000, "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687"],
  [10_000, "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892"],
  [100_000, "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7"],
  [1_000_000, "49415fee2c56c77864931bd3624faad425c3c577d6d74e89a83bc725506dad16"],
  [10_000_000, "b9f8a44a91d46813b21b9602e72f112613c91408db0b8341fb94603d9db135e0"],
  [100_000_000, "0f7dda6b0837dde083c5d6b896f7d62340c8a2415b0c7121d83145e08a755272"],
];

const lineLimit = Number(process.env.AEGIS_FLOAT_LINES ?? 1_000_000);

describe("canonicalJson() writes the published sequence of numbers", () => {
  const checksums = checksumsOf(canonicalJson);
  test.each(published.filter(([lines]) => lines <= lineLimit))(
    "%d lines",
    (lines, checksum) => {
      expect(checksums(lines)).toBe(checksum);
    },
    lineLimit / 1000 + testMs,
  );
});

test("one digit more than the shortest changes the checksum", () => {
  const [[lines, checksum] = [0, ""]] = published;
  const longer = (value: unknown) => (value === 0.3 ? "0.30000000000000000" : canonicalJson(value));
  expect(checksumsOf(longer)(lines)).not.toBe(checksum);
});

/** Asked with growing numbers of lines, walks the sequence once. */
function checksumsOf(write: (value: unknown) => string): (lines: number) => string {
  const hasher = new Bun.CryptoHasher("sha256");
  const sequence = numbers();
  let count = 0;
  return (lines) => {
    let text = "";
    while (count < lines) {
      const { value } = sequence.next();
      text += `${bitsOf(value).toString(16)},${write(value)}\n`;
      count += 1;
      if (count % 1000 !== 0 && count !== lines) continue;
      hasher.update(text);
      text = "";
    }
    return hasher.copy().digest("hex");
  };
}

const scratch = new DataView(new ArrayBuffer(8));

function bitsOf(number: number): bigint {
  scratch.setFloat64(0, number);
  return scratch.getBigUint64(0);
}

function fromBits(bits: bigint): number {
  scratch.setBigUint64(0, bits);
  return scratch.getFloat64(0);
}

/** The double that many steps away; away from zero for positive steps. */
function stepped(number: number, steps: number): number {
  return fromBits(bitsOf(number) + BigInt(steps));
}

function* numbers(): Generator<number, never> {
  yield* chosenNumbers();
  for (let i = 0; i < 2000; i++) yield stepped(smallestNormal, i);
  let block = new Uint8Array(32);
  for (;;) {
    block = Uint8Array.from(Bun.SHA256.hash(block, new Uint8Array(32)) as Uint8Array);
    const doubles = new DataView(block.buffer);
    for (let i = 0; i < 4; i++) {
      const number = doubles.getFloat64(i * 8, true);
      if (number !== 0 && Number.isFinite(number)) yield number;
    }
  }
}

const smallestNormal = 2 ** -1022;

/**
 * How many doubles the sequence's thirds of powers of ten, from 10^22 / 3 downwards, lie from the
 * nearest one; all that are not named lie on it.
 */
const thirdSteps: Readonly<Record<number, number>> = {
  19: 1,
  18: 1,
  17: 1,
  16: 2,
  15: 1,
  14: 1,
  13: 3,
  12: 1,
  11: 2,
  10: 2,
  9: 1,
  8: 1,
  7: 1,
  3: -1,
  [-28]: 1,
};

/** The 168 numbers the sequence begins with: where printing doubles has gone wrong before. */
function* chosenNumbers(): Generator<number, void> {
  yield* [0, -0, Number.MIN_VALUE, -Number.MIN_VALUE];
  for (const sign of ["-", ""]) {
    for (let power = 21; power >= -28; power--) {
      const nearest = Number(`${sign}3.3333333333333333333333e${power}`);
      yield stepped(nearest, thirdSteps[power] ?? 0);
    }
  }
  yield 10;
  for (let power = 0; power >= -9; power--) yield Number(`5e${power}`);
  for (let zeros = 1; zeros <= 14; zeros++) yield Number(`5.${"0".repeat(zeros)}6e-6`);
  yield 5e-6;
  yield* [1, -1];
  for (const [sign, steps] of [
    [-1, [-6, -5]],
    [1, [-6, -5, -4, -2]],
  ] as const) {
    for (const step of steps) yield sign * stepped(1, step);
  }
  yield* [-1, -1, 1, 1].map((sign) => sign * stepped(1, -1));
  yield* around(0.3, 1);
  yield* [0, -3, -1].map((step) => stepped(smallestNormal, step));
  yield* [Number.MAX_VALUE, -Number.MAX_VALUE, 2 ** 53, -(2 ** 53), 2 ** 68];
  yield* around(1e23, 1);
  yield* [-2, -1, 0].map((step) => stepped(1e21, step));
  yield* [-1, 0].map((step) => stepped(1e-6, step));
  yield* around(1e9 / 3, 2);
  yield -3.3333333333333333e-6;
  yield 1424953923781206.2;
}

function* around(number: number, steps: number): Generator<number, void> {
  for (let step = -steps; step <= steps; step++) yield stepped(number, step);
}
