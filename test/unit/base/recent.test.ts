import { expect, test } from "bun:test";
import { createRecent } from "../../../src/base/recent.ts";

const open = (countMax: number, sizeMax: number) =>
  createRecent<string>({ countMax, sizeMax, sizeOf: (text) => text.length });

/** Which of these keys are kept. */
function kept(recent: ReturnType<typeof open>, keys: string): string {
  return [...keys].filter((key) => recent.get(key) !== undefined).join("");
}

test("those that were kept longest ago go first, where there are too many", () => {
  const recent = open(3, 100);
  for (const key of "abc") recent.keep(key, key);
  recent.keep("a", "again");
  recent.keep("d", "d");
  expect(kept(recent, "abcd")).toBe("acd");
  expect(recent.get("a")).toBe("again");
});

test("and where they are too large together, however few", () => {
  const recent = open(100, 10);
  recent.keep("a", "xxxx");
  recent.keep("b", "xxxx");
  recent.keep("c", "xx");
  expect(kept(recent, "abc")).toBe("abc");
  recent.keep("d", "xxxxx");
  expect(kept(recent, "abcd")).toBe("cd");
});

test("one that is too large by itself is not kept, and takes nobody's place", () => {
  const recent = open(100, 10);
  recent.keep("a", "xx");
  recent.keep("b", "xx");
  recent.keep("b", "x".repeat(11));
  expect(kept(recent, "ab")).toBe("a");
});

test("what is forgotten or replaced makes room", () => {
  const recent = open(100, 10);
  for (let round = 0; round < 50; round++) {
    recent.keep("a", "xxxx");
    recent.keep("b", "xxxxxx");
    expect(kept(recent, "ab")).toBe("ab");
    recent.forget("b");
    recent.forget("none");
  }
  expect(kept(recent, "ab")).toBe("a");
});
