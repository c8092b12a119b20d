// JSON text read strictly, and the canonical forms of other writers.

import { describe, expect, test } from "bun:test";
import { canonicalText, type Dialect } from "../../../src/base/canonical-dialects.ts";
import { AegisError } from "../../../src/base/errors.ts";
import { sha256Hex } from "../../../src/base/hash.ts";
import {
  parseJsonText,
  parsePrintable,
  plainJson,
  printableJson,
} from "../../../src/base/json-text.ts";
import { jsonDepthMax } from "../../../src/base/limits.ts";
import { randomJson, seededRandom } from "../../support/random-json.ts";

const refused: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["white space", " \n"],
  ["two values", "1 2"],
  ["a name given twice", '{"a":1,"b":2,"a":1}'],
  ["a name given twice, once escaped", '{"a":1,"\\u0061":1}'],
  ["half a pair", '"\\ud800"'],
  ["half a pair in a name", '{"\\udc00":1}'],
  ["a control character", '"a\nb"'],
  ["an unknown escape", '"\\x41"'],
  ["a short escape", '"\\u12"'],
  ["a text without end", '"abc'],
  ["an object without end", '{"a":1'],
  ["a comma too many", "[1,]"],
  ["a comma too few", "[1 2]"],
  ["a name without quotes", "{a:1}"],
  ["a leading zero", "01"],
  ["a plus", "+1"],
  ["a bare point", ".5"],
  ["an unfinished exponent", "1e"],
  ["NaN", "NaN"],
  ["infinity", "-Infinity"],
  ["a comment", "/*x*/1"],
  ["a byte order mark", "\ufeff1"],
  ["a space of another kind", "\u00a01"],
  ["deep nesting", "[".repeat(jsonDepthMax + 1) + "]".repeat(jsonDepthMax + 1)],
  ["a number of a thousand digits", "1".repeat(1000)],
];

describe("parseJsonText()", () => {
  test.each(refused)("refuses %s", (_, text) => {
    const attempt = () => parseJsonText(text);
    expect(attempt).toThrow(AegisError);
    expect(attempt).toThrow("Cannot read the JSON text");
  });

  test("takes the deepest nesting allowed", () => {
    const text = "[".repeat(jsonDepthMax) + "]".repeat(jsonDepthMax);
    expect(JSON.stringify(plainJson(parseJsonText(text)))).toBe(text);
  });

  test("reads a member called __proto__ as any other", () => {
    const value = plainJson(parseJsonText('{"__proto__":{"a":1},"b":2}'));
    expect(JSON.stringify(value)).toBe('{"__proto__":{"a":1},"b":2}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test("a number beyond all numbers has a spelling and no value", () => {
    const tree = parseJsonText("1e400");
    expect(canonicalText(tree, "python")).toBe("1e400");
    expect(() => plainJson(tree)).toThrow("the number 1e400 is too large: the largest is 1.79");
  });

  test.each([
    ['{"a":1,"b":{"c":[1,{"d":-1e999}]}}', '-1e999 of "b.c.1.d"'],
    ["[1e300,1e400]", '1e400 of "1"'],
    [`{"${"x".repeat(300)}":1e400}`, `1e400 of "${"x".repeat(200)}"`],
  ])("%s is told by the place of its number", (text, said) => {
    expect(() => plainJson(parseJsonText(text))).toThrow(`the number ${said} is too large`);
    const whole = parseJsonText(text.replaceAll(/1e(400|999)/g, "1e300"));
    expect(JSON.stringify(plainJson(whole))).toBe(text.replaceAll(/1e(300|400|999)/g, "1e+300"));
  });

  test("reads what JSON.parse reads, of random values and of random damage to them", () => {
    const random = seededRandom(0x150);
    let accepted = 0;
    for (let i = 0; i < 20_000; i++) {
      const text = JSON.stringify(randomJson(random, 4), null, random() < 0.2 ? 1 : 0);
      expect(plainJson(parseJsonText(text))).toEqual(JSON.parse(text));
      const damaged = damage(text, random);
      const ours = attemptOf(() => plainJson(parseJsonText(damaged)));
      const theirs = attemptOf(() => JSON.parse(damaged));
      // Ours refuses more, and never reads another value.
      if (ours !== undefined) {
        accepted += 1;
        expect({ damaged, value: ours.value }).toEqual({ damaged, value: theirs?.value });
      }
    }
    expect(accepted).toBeGreaterThan(1000);
  });
});

function attemptOf(read: () => unknown): { readonly value: unknown } | undefined {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof AegisError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const marks = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\\",
  "u",
  "0",
  "-",
  ".",
  "e",
  " ",
  "\ud800",
  "\n",
];

function damage(text: string, random: () => number): string {
  const at = Math.floor(random() * (text.length + 1));
  const mark = marks[Math.floor(random() * marks.length)] ?? "";
  const cut = Math.floor(random() * 3);
  return text.slice(0, at) + (random() < 0.7 ? mark : "") + text.slice(at + cut);
}

const spellings: readonly (readonly [string, string, Readonly<Record<Dialect, string>>])[] = [
  ["a whole float", "1.0", { rfc8785: "1", go: "1", python: "1.0" }],
  [
    "a large float",
    "1e+16",
    { rfc8785: "10000000000000000", go: "10000000000000000", python: "1e+16" },
  ],
  ["a very large float", "1e+21", { rfc8785: "1e+21", go: "1e+21", python: "1e+21" }],
  ["a small float", "1e-05", { rfc8785: "0.00001", go: "0.00001", python: "1e-05" }],
  ["a smaller float", "1e-07", { rfc8785: "1e-7", go: "1e-7", python: "1e-07" }],
  ["minus zero", "-0.0", { rfc8785: "0", go: "-0", python: "-0.0" }],
  [
    "a large integer",
    "9007199254740993",
    { rfc8785: "9007199254740992", go: "9007199254740992", python: "9007199254740993" },
  ],
  ["marks of HTML", '"<&>"', { rfc8785: '"<&>"', go: '"\\u003c\\u0026\\u003e"', python: '"<&>"' }],
  ["a line separator", '"\u2028"', { rfc8785: '"\u2028"', go: '"\\u2028"', python: '"\u2028"' }],
  [
    "control characters",
    '"\\u0001\\b\\n"',
    { rfc8785: '"\\u0001\\b\\n"', go: '"\\u0001\\b\\n"', python: '"\\u0001\\b\\n"' },
  ],
  [
    "names beyond the first plane",
    '{"\u{1f602}":1,"\ufb33":2}',
    {
      rfc8785: '{"\u{1f602}":1,"\ufb33":2}',
      go: '{"\ufb33":2,"\u{1f602}":1}',
      python: '{"\ufb33":2,"\u{1f602}":1}',
    },
  ],
  ["order and nesting", ' { "b" : [ true , null ] , "a" : {} } ', same('{"a":{},"b":[true,null]}')],
];

test.each([
  ["integers", "[9007199254740993,-9223372036854775808,7]"],
  ["fractions and exponents", '{"a":1.0,"b":[1e+16,1e-05,-0.0]}'],
  ["what JavaScript has", '{"__proto__":0.1,"a":[null,true,"1.0"]}'],
])("printing gives %s as they were spelled", (_, text) => {
  expect(JSON.stringify(printableJson(parseJsonText(text)))).toBe(text);
  expect(JSON.stringify(parsePrintable(text))).toBe(text);
});

function same(text: string): Readonly<Record<Dialect, string>> {
  return { rfc8785: text, go: text, python: text };
}

describe.each(["rfc8785", "go", "python"] as const)("the canonical form of %s", (dialect) => {
  test.each(spellings)("of %s", (_, text, forms) => {
    expect(canonicalText(parseJsonText(text), dialect)).toBe(forms[dialect]);
  });
});

test("the object that implementations agree on has its known hash in every dialect", () => {
  const text =
    '{"event_type":"TOOL_CALL_PROPOSED","seq":1,"session_id":"session-abc",' +
    '"tenant_id":"tenant-xyz","ts_unix_ms":1700000000000}';
  for (const dialect of ["rfc8785", "go", "python"] as const) {
    expect(sha256Hex(canonicalText(parseJsonText(text), dialect))).toBe(
      "cfa697f0eb082a2889ab92b2c457060c08eab0ced2677ac2a09d4488322b6ee3",
    );
  }
});
