import { describe, expect, test } from "bun:test";
import { jsonLine, jsonText } from "../../../../src/cli/render/json.ts";
import { sizeText } from "../../../../src/cli/render/size.ts";
import { escapeControls } from "../../../../src/cli/render/text.ts";
import { fullTime, isoTime, shortTime } from "../../../../src/cli/render/time.ts";

describe("escapeControls()", () => {
  const rows = [
    { name: "plain text", text: "/home/me/ä 漢.txt", safe: "/home/me/ä 漢.txt" },
    { name: "a line break", text: "a\nb\r\tc", safe: "a\\nb\\r\\tc" },
    { name: "a colour sequence", text: "\x1b[31mred\x1b[0m", safe: "\\x1b[31mred\\x1b[0m" },
    { name: "a window title", text: "\x1b]0;title\x07", safe: "\\x1b]0;title\\x07" },
    { name: "an eight-bit control sequence", text: "\x9b31m", safe: "\\x9b31m" },
    { name: "backspaces and DEL", text: "x\b\x7f", safe: "x\\x08\\x7f" },
    { name: "text turned around", text: "a\u202egnp.exe", safe: "a\\u{202e}gnp.exe" },
    { name: "invisible joiners", text: "a\u200bb\ufeffc", safe: "a\\u{200b}b\\u{feff}c" },
    { name: "separators of lines", text: "a\u2028b", safe: "a\\u{2028}b" },
    { name: "tags outside the first plane", text: "a\u{e0041}", safe: "a\\u{e0041}" },
    { name: "half a character", text: "a\ud800b", safe: "a\ufffdb" },
  ];
  for (const { name, text, safe } of rows) {
    test(`makes ${name} harmless`, () => expect(escapeControls(text)).toBe(safe));
  }
  test("keeps line breaks it is told of, and those only", () => {
    expect(escapeControls("a\nb\x1b", "all")).toBe("a\nb\\x1b");
    expect(escapeControls("a\n  b\nhint: c\n", "indented")).toBe("a\n  b\\nhint: c\\n");
  });
});

describe("JSON for a terminal", () => {
  const value = { path: "\x1b[31m\x9b\u202e\u{e0041}\x7f ä", list: [1, "x\ny"] };
  for (const [name, text] of [
    ["jsonText()", jsonText(value)],
    ["jsonLine()", jsonLine(value)],
  ] as const) {
    test(`${name} holds no control character and reads back the same`, () => {
      expect(text.trimEnd().replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(JSON.parse(text)).toEqual(value);
      expect(text.endsWith("\n")).toBe(true);
    });
  }
  test("jsonLine() is one line", () => {
    expect(jsonLine(value).split("\n").length).toBe(2);
  });
});

test("times are UTC", () => {
  const unixMs = Date.UTC(2026, 2, 1, 9, 5, 7, 123);
  expect([shortTime(unixMs), fullTime(unixMs), isoTime(unixMs)]).toEqual([
    "2026-03-01 09:05",
    "2026-03-01 09:05:07",
    "2026-03-01T09:05:07.123Z",
  ]);
});

test("sizes have one decimal", () => {
  const sizes = [0, 1023, 1024, 1536, 1_048_575, 1_048_576, 5_368_709_120];
  expect(sizes.map(sizeText)).toEqual([
    "0 B",
    "1023 B",
    "1.0 KB",
    "1.5 KB",
    "1.0 MB",
    "1.0 MB",
    "5.0 GB",
  ]);
});
