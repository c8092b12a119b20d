import { expect, test } from "bun:test";
import { type JsonTree, parseJsonText, plainJson } from "../../../src/base/json-text.ts";
import { jsonDepthMax } from "../../../src/base/limits.ts";
import { plainIn, SpelledJson, treeIn } from "../../../src/base/spelled-json.ts";

/** What reading by hand says of a text, be it an error. */
function said<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    return `refused: ${error instanceof Error ? error.message : error}`;
  }
}

const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

const texts: Readonly<Record<string, string>> = {
  "as JavaScript spells it": '{"a":"b","n":[1,-2.5,1e+21,true,null],"o":{"x":{}}}',
  "white space": '{ "a": 1 }',
  "what looks like white space, in a text": '{"a":"\\": "}',
  "a name twice": '{"a":1,"a":1}',
  "a name twice, the same below": '{"o":{"a":1,"a":1}}',
  "names like places, in order": '{"1":1,"2":2,"a":3}',
  "names like places, out of order": '{"a":3,"2":2,"1":1}',
  "a whole number with a fraction": '{"n":1.0}',
  "an exponent": '{"n":1e2}',
  "minus zero": '{"n":-0}',
  "a number that is no double": '{"n":9007199254740993}',
  "a number that is too large": '{"n":1e400}',
  "half a surrogate pair": '{"a":"\\ud800"}',
  "half a surrogate pair in a name": '{"\\udc00":1}',
  "a pair that is escaped": '{"a":"\\ud83d\\ude00"}',
  "a pair that is not": '{"a":"😀"}',
  "half a pair that is not": '{"a":"\ud800"}',
  "a backslash before ud": '{"a":"\\\\ud"}',
  "escapes that need not be": '{"a":"\\u0041\\/"}',
  "escapes that must be": '{"a":"\\"\\\\\\b\\f\\n\\r\\t\\u0001"}',
  "a control character": '{"a":"\u0001"}',
  "separators of lines": '{"a":"\u2028\u2029"}',
  "a byte order mark": '\ufeff{"a":1}',
  "a name that no object can be given": '{"__proto__":{"a":1},"b":2}',
  "names that every object has": '{"constructor":1,"toString":2}',
  "an empty name": '{"":1}',
  "as deep as may be": deep(jsonDepthMax),
  "deeper than that": deep(jsonDepthMax + 1),
  "deeper than an engine goes": deep(2_000_000),
  "objects, as deep as may be": `${'{"a":'.repeat(jsonDepthMax)}1${"}".repeat(jsonDepthMax)}`,
  "objects, deeper": `${'{"a":'.repeat(jsonDepthMax + 1)}1${"}".repeat(jsonDepthMax + 1)}`,
  "a text alone": '"a"',
  "a number alone": "17",
  "null alone": "null",
  "nothing at all": "",
  "half an object": '{"a":1',
  "two values": "{}{}",
};

for (const [name, text] of Object.entries(texts)) {
  test(`a value is read as by hand: ${name}`, () => {
    const byHand = said(() => parseJsonText(text));
    expect(said(() => SpelledJson.parse(text).tree)).toEqual(byHand);
    if (typeof byHand === "string" && byHand.startsWith("refused: ")) return;
    const tree = byHand as JsonTree;
    const plain = said(() => plainJson(tree, "it"));
    expect(said(() => SpelledJson.parse(text).plain("it"))).toEqual(plain);
    expect(said(() => SpelledJson.of(tree).plain("it"))).toEqual(plain);
    const members = SpelledJson.parse(text).members();
    expect(members === undefined).toBe(!(tree instanceof Map));
    if (!(tree instanceof Map)) return;
    expect([...(members?.keys() ?? [])]).toEqual([...tree.keys()]);
    for (const [member, value] of tree) {
      expect(members?.get(member)).toEqual(value);
      for (const one of [SpelledJson.parse(text), SpelledJson.of(tree)]) {
        expect(one.member(member)?.tree).toEqual(value);
      }
    }
  });
}

test("a member that is not there is none, whatever every object has", () => {
  for (const one of [SpelledJson.parse('{"a":1}'), SpelledJson.of(new Map([["a", null]]))]) {
    expect(one.member("toString")).toBeUndefined();
    expect(one.members()?.get("toString")).toBeUndefined();
  }
  expect(SpelledJson.parse('"a"').member("length")).toBeUndefined();
});

test("null is null, however it was read", () => {
  const nulls = [SpelledJson.parse("null"), SpelledJson.of(null)];
  expect(nulls.map((one) => [one.isNull(), one.tree, one.plain()])).toEqual([
    [true, null, null],
    [true, null, null],
  ]);
  expect(SpelledJson.parse("0").isNull()).toBe(false);
});

test("what was read already is taken as it is", () => {
  const tree = parseJsonText('{"n":1.0}');
  expect([treeIn(tree), treeIn(SpelledJson.of(tree))]).toEqual([tree, tree]);
  expect([plainIn(tree), plainIn(SpelledJson.of(tree))]).toEqual([{ n: 1 }, { n: 1 }]);
});

/** Mulberry32. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test("a random text is read as by hand, or refused in the same words", () => {
  const below = seeded(7);
  const scalars = [
    '"a"',
    '""',
    '"\\n"',
    '"\\u0007"',
    '"é"',
    "0",
    "-0",
    "1.0",
    "12",
    "1e400",
    "null",
  ];
  const names = ["a", "b", "1", "0", "__proto__", "é", ""];
  const make = (depth: number): string => {
    const kind = below(depth > 4 ? 1 : 3);
    const space = below(12) === 0 ? " " : "";
    if (kind === 0) return scalars[below(scalars.length)] ?? "null";
    const parts = Array.from({ length: below(4) }, () => {
      const name = JSON.stringify(names[below(names.length)] ?? "");
      return kind === 1 ? make(depth + 1) : `${name}:${space}${make(depth + 1)}`;
    });
    return kind === 1 ? `[${parts.join(",")}]` : `{${parts.join(",")}}`;
  };
  for (let at = 0; at < 20_000; at++) {
    const text = make(0);
    const cut = below(20) === 0 ? text.slice(0, below(text.length + 1)) : text;
    expect(said(() => SpelledJson.parse(cut).tree)).toEqual(said(() => parseJsonText(cut)));
  }
});
