import { describe, expect, test } from "bun:test";
import { ownText } from "../../../src/base/own-text.ts";
import { megabytesKept } from "../../support/kept-memory.ts";

const texts = ["", "a", "read_file", "é\u{1f600}", '"\\\n', "__proto__", "\ud800"];

test.each(texts)("%j is the same text", (text) => {
  expect(ownText(text)).toBe(text);
});

describe("parts of a hundred texts of 200 kB", () => {
  const parts = (keep: (part: string) => string): string[] =>
    Array.from({ length: 100 }, (_, at) => {
      const whole = `${at}`.padStart(20, "-") + String(at % 10).repeat(200_000);
      whole.isWellFormed();
      return keep(whole.slice(5, 25));
    });
  test("keep nothing but themselves", async () => {
    expect(await megabytesKept(() => parts(ownText))).toBeLessThan(2);
  });
  test("would keep all of them", async () => {
    expect(await megabytesKept(() => parts((part) => part))).toBeGreaterThan(15);
  });
});
