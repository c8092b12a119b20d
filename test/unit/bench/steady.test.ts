// What the soak campaign concludes from a server's memory, on series whose truth is known.

import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../bench/served.ts";
import { lineThrough, type Sample, settledMs } from "../../../bench/steady.ts";

const windowMs = 15_000;
const minute = 60_000;

/** Half-second samples with collections of garbage, thirty megabytes each, at irregular times. */
function series(minutes: number, valueAt: (minute: number) => number): readonly Sample[] {
  const random = seededRandom(7);
  let garbage = 0;
  return Array.from({ length: minutes * 120 }, (_, at) => {
    garbage = garbage > 30 ? 0 : garbage + 3 * random();
    return { ms: at * 500, value: valueAt(at / 120) + garbage };
  });
}

interface Expected {
  /** Minutes: when it counts as settled. */
  readonly from: [least: number, most: number];
  /** A minute. */
  readonly slope: [least: number, most: number];
}

const rows: readonly (readonly [string, (minute: number) => number, Expected])[] = [
  ["is flat", () => 140, { from: [0, 5], slope: [-0.1, 0.1] }],
  [
    "fills for four minutes",
    (at) => 100 + 10 * Math.min(at, 4),
    { from: [3, 6], slope: [-0.1, 0.1] },
  ],
  ["levels out", (at) => 140 - 60 * Math.exp(-at), { from: [2, 8], slope: [-0.2, 0.3] }],
  ["grows", (at) => 140 + 2 * at, { from: [0, 13], slope: [1.7, 2.3] }],
  ["grows slowly for ever", (at) => 140 + 1.2 * at, { from: [0, 13], slope: [1, 1.4] }],
  [
    "grows after it was flat",
    (at) => 140 + 7 * Math.max(0, at - 12),
    { from: [0, 13], slope: [3, 9] },
  ],
];

describe("memory that", () => {
  test.each(rows)("%s", (_, valueAt, expected) => {
    const samples = series(25, valueAt);
    const from = settledMs(samples, windowMs);
    const settled = samples.filter(({ ms }) => ms >= from);
    const { perMinute, error } = lineThrough(settled, windowMs);
    expect(from / minute).toBeWithin(...expected.from);
    expect(perMinute).toBeWithin(...expected.slope);
    expect(error).toBeLessThan(1);
  });
});

test("a line through little is not known at all", () => {
  expect(lineThrough([], windowMs).error).toBe(Number.POSITIVE_INFINITY);
  expect(settledMs([], windowMs)).toBe(0);
  const { error } = lineThrough(
    series(2, () => 140),
    windowMs,
  );
  expect(error).toBeGreaterThan(0.5);
});
