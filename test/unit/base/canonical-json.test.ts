// The canonical form against the published vectors of RFC 8785 and against what must be refused.

import { describe, expect, test } from "bun:test";
import vectors from "../../../conformance/canonical/rfc8785.json";
import { canonicalJson, canonicalJsonByKey } from "../../../src/base/canonical-json.ts";
import { AegisError } from "../../../src/base/errors.ts";
import { jsonDepthMax } from "../../../src/base/limits.ts";

const writers = [
  ["canonicalJson", canonicalJson],
  ["canonicalJsonByKey", canonicalJsonByKey],
] as const;

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let i = 1; i < levels; i++) value = [value];
  return value;
}

class Point {
  x = 1;
}

const written: readonly (readonly [string, unknown, string])[] = [
  ["negative zero as zero", -0, "0"],
  ["negative zero inside", { a: [-0] }, '{"a":[0]}'],
  [
    "keys by UTF-16 unit, not by code point",
    { "\u{fb33}": 1, "\u{1f602}": 2 },
    '{"\u{1f602}":2,"\u{fb33}":1}',
  ],
  [
    "keys that look like indexes as text",
    { 10: 1, 9: 2, "": 3, "!": 4 },
    '{"":3,"!":4,"10":1,"9":2}',
  ],
  [
    "a key named __proto__",
    JSON.parse('{"b":1,"__proto__":{"a":2}}'),
    '{"__proto__":{"a":2},"b":1}',
  ],
  ["a text named toJSON", { toJSON: "x", a: 1 }, '{"a":1,"toJSON":"x"}'],
  [
    "an object without a prototype",
    Object.assign(Object.create(null), { b: 1, a: 2 }),
    '{"a":2,"b":1}',
  ],
  [
    "only the escapes it needs",
    '\u0000\b\t\n\f\r"\\/\u007f\u2028',
    '"\\u0000\\b\\t\\n\\f\\r\\"\\\\/\u007f\u2028"',
  ],
  ["no normalisation", ["A\u030a", "\u00c5"], '["A\u030a","\u00c5"]'],
  ["an exponent", [1e21, 1e-7, 1e20, 0.000001], "[1e+21,1e-7,100000000000000000000,0.000001]"],
  [
    "disorder inside order",
    { a: { z: 1, b: [{ d: 1, c: 2 }] }, b: 1 },
    '{"a":{"b":[{"c":2,"d":1}],"z":1},"b":1}',
  ],
  [
    "the deepest nesting allowed",
    nested(jsonDepthMax),
    "[".repeat(jsonDepthMax) + "]".repeat(jsonDepthMax),
  ],
];

const refused: readonly (readonly [string, unknown])[] = [
  ["NaN", Number.NaN],
  ["infinity", [Number.NEGATIVE_INFINITY]],
  ["a bigint", { a: 1n }],
  ["a function", { a: () => 1 }],
  ["a function named toJSON", { toJSON: () => "x" }],
  ["an array with a toJSON", Object.assign([1], { toJSON: () => "x" })],
  ["undefined", undefined],
  ["a member that is undefined", { a: undefined }],
  ["a hole", new Array(2)],
  ["a symbol", Symbol("a")],
  ["a symbol key", { [Symbol("a")]: 1 }],
  ["a Date", new Date(0)],
  ["a Map", new Map()],
  ["an instance of a class", new Point()],
  ["bytes", new Uint8Array(2)],
  ["an array of another kind", new (class extends Array {})()],
  ["a lone surrogate in a text", "a\ud800b"],
  ["a lone surrogate in a key", { "\udc00": 1 }],
  ["one level too deep", nested(jsonDepthMax + 1)],
  [
    "a cycle",
    (() => {
      const o: Record<string, unknown> = {};
      o.o = o;
      return o;
    })(),
  ],
];

describe.each(writers)("%s", (_, write) => {
  test.each(vectors)("writes the published case $name", ({ input, canonical }) => {
    expect(Buffer.from(write(JSON.parse(input))).toString("hex")).toBe(canonical);
  });

  test.each(written)("writes %s", (_, value, text) => {
    expect(write(value)).toBe(text);
  });

  test.each(refused)("refuses %s", (_, value) => {
    const attempt = () => write(value);
    expect(attempt).toThrow(AegisError);
    expect(attempt).toThrow("Cannot write the value as canonical JSON");
  });
});

test("canonicalJson() leaves what it was given as it was", () => {
  const value = { b: [{ d: 1, c: 2 }], a: 1 };
  canonicalJson(value);
  expect(JSON.stringify(value)).toBe('{"b":[{"d":1,"c":2}],"a":1}');
});

/** Each number of keys around where another way of sorting begins, in the worst order. */
test.each([31, 32, 33, 34, 1000])("canonicalJson() orders %i keys by UTF-16 unit", (count) => {
  const keys = Array.from(
    { length: count },
    (_, at) => `${at % 2 === 0 ? "\u{1f602}" : "\ufb33"}${at}`,
  );
  const value = Object.fromEntries(
    keys
      .sort()
      .reverse()
      .map((key, at) => [key, at]),
  );
  expect(canonicalJson(value)).toBe(canonicalJsonByKey(value));
});

test("canonicalJson() of many keys takes no longer than writing it key by key", () => {
  const keys = Array.from({ length: 50_000 }, (_, at) => `k${at}`)
    .sort()
    .reverse();
  const value = Object.fromEntries(keys.map((key) => [key, 1]));
  const tookMs = (write: (given: unknown) => string): number => {
    const tries = [1, 2, 3].map(() => {
      const began = performance.now();
      write(value);
      return performance.now() - began;
    });
    return Math.min(...tries);
  };
  // In quadratic time it would be more than a hundred times as long.
  expect(tookMs(canonicalJson)).toBeLessThan(20 * tookMs(canonicalJsonByKey));
});
