import { describe, expect, test } from "bun:test";
import { hasLoneBytes, matchedForm, textOfBytes } from "../../../src/base/byte-text.ts";

const bytes = (...values: readonly (number | string)[]): Uint8Array =>
  Buffer.concat(values.map((one) => (typeof one === "number" ? Buffer.of(one) : Buffer.from(one))));

describe("a name as text", () => {
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ["plain", bytes("/a b/né€😀"), "/a b/né€😀"],
    ["one byte that is none", bytes("/q", 0xff), "/q\uFFFDff"],
    ["another one", bytes("/q", 0xfe), "/q\uFFFDfe"],
    ["a character cut short", bytes("/q", 0xe2, 0x82), "/q\uFFFDe2\uFFFD82"],
    ["one cut short by another", bytes(0xe2, 0x82, "é"), "\uFFFDe2\uFFFD82é"],
    ["a spelling that is too long", bytes(0xc0, 0xaf), "\uFFFDc0\uFFFDaf"],
    ["half of a surrogate pair", bytes(0xed, 0xa0, 0x80), "\uFFFDed\uFFFDa0\uFFFD80"],
    [
      "beyond the last character",
      bytes(0xf4, 0x90, 0x80, 0x80),
      "\uFFFDf4\uFFFD90\uFFFD80\uFFFD80",
    ],
    ["U+FFFD itself", bytes("/\uFFFDff"), "/\uFFFDef\uFFFDbf\uFFFDbdff"],
    ["a byte order mark", bytes("\uFEFFa"), "\uFEFFa"],
    ["a byte order mark behind which one is none", bytes("\uFEFF", 0xff), "\uFEFF\uFFFDff"],
  ];
  test.each(rows)("%s", (_, name, text) => {
    expect(textOfBytes(name)).toBe(text);
    expect(hasLoneBytes(text)).toBe(text.includes("\uFFFD"));
    expect(matchedForm(text)).toBeDefined();
  });

  test("no two names share a spelling, nor a form that is matched", () => {
    const alphabet = [0x2f, 0x41, 0x66, 0x80, 0x82, 0xac, 0xbd, 0xbf, 0xc3, 0xe2, 0xef, 0xff];
    const texts = new Map<string, string>();
    const forms = new Set<string>();
    let names = 0;
    const walk = (name: readonly number[]): void => {
      if (name.length > 0) {
        names += 1;
        const text = textOfBytes(Uint8Array.from(name));
        texts.set(text, name.join());
        forms.add(matchedForm(text) ?? "none");
      }
      if (name.length < 4) for (const byte of alphabet) walk([...name, byte]);
    };
    walk([]);
    expect([texts.size, forms.size]).toEqual([names, names]);
  });

  test("what spells no name is none", () => {
    for (const text of [
      "/a\uFFFD",
      "/\uFFFDf",
      "/\uFFFDFF",
      "/\uFFFD41",
      "/\uFFFDc3\uFFFDa9",
      "/\uD800",
    ])
      expect(matchedForm(text)).toBeUndefined();
  });
});
