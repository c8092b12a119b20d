// The writer of profile text: what it quotes, what it folds away, what it refuses.

import { describe, expect, test } from "bun:test";
import {
  sbplFiltersMax,
  sbplProfileMaxBytes,
  sbplStringMaxBytes,
} from "../../../../src/base/limits.ts";
import {
  all,
  always,
  any,
  type Filter,
  isDirectory,
  literal,
  never,
  not,
  renderProfile,
  type SbplRule,
  subpath,
  withLastRule,
  writeProfile,
} from "../../../../src/enforce/seatbelt/sbpl.ts";
import { SbplProfile } from "../../../support/sbpl-evaluator.ts";

function rule(filter: Filter, change: Partial<SbplRule> = {}): SbplRule {
  const operations = ["file-read-data"];
  return { effect: "allow", operations, filter, message: undefined, comment: "", ...change };
}

const denyDefault = rule(always, { effect: "deny", operations: ["default"], message: 0 });

function written(...rules: readonly SbplRule[]): string {
  const profile = writeProfile([denyDefault, ...rules]);
  if (!profile.ok) throw new Error(JSON.stringify(profile.error));
  return renderProfile(profile.value, "TAG");
}

function limit(most: number): string {
  return `at most ${most} are accepted`;
}

function problems(
  ...rules: readonly SbplRule[]
): readonly (readonly [number | undefined, string])[] {
  const profile = writeProfile(rules);
  return profile.ok ? [] : profile.error.map(({ rule: index, message }) => [index, message]);
}

describe("names come back from a profile as they went in", () => {
  const names = [
    "/plain",
    "/with space",
    "/Foo (1)",
    '/"quoted"',
    "/back\\slash",
    '/trick\\"',
    "/semi;colon",
    "/line\nbreak",
    "/tab\tand\rreturn",
    "/\u0001\u007f",
    "/é🙂\u202e",
    "/#x(allow default)",
  ];
  for (const name of names) {
    test(JSON.stringify(name), () => {
      const profile = new SbplProfile(written(rule(literal(name))));
      const read = (path: string) =>
        profile.decide({ operation: "file-read-data", path, vnode: "REGULAR-FILE" }).allowed;
      expect([read(name), read(`${name}x`), read("/other")]).toEqual([true, false, false]);
    });
  }
});

describe("what SBPL cannot hold is refused with its rule", () => {
  const long = `/${"a".repeat(sbplStringMaxBytes)}`;
  const rows: readonly (readonly [string, string, string])[] = [
    ["a NUL", "/a\0b", "it needs a string with a NUL character"],
    ["half a character", "/a\ud83d", "it needs a string that is not valid Unicode"],
    ["nothing", "", "it needs an empty string"],
    [
      "one byte too many",
      long,
      `it needs a string of ${sbplStringMaxBytes + 1} bytes, ${limit(sbplStringMaxBytes)}`,
    ],
  ];
  for (const [name, path, message] of rows) {
    test(name, () => {
      expect(problems(denyDefault, rule(literal(path)))).toEqual([[1, message]]);
    });
  }
  test("the longest string that fits is written", () => {
    expect(problems(rule(literal(long.slice(0, -1))))).toEqual([]);
  });
  test("bytes count, not characters, and so do the escapes", () => {
    const accents = `/${"é".repeat(sbplStringMaxBytes / 2)}`;
    const quotes = `/${'"'.repeat(sbplStringMaxBytes / 2)}`;
    expect(problems(rule(literal(accents)), rule(literal(quotes)))).toHaveLength(2);
  });
  test("too many filters", () => {
    const many = Array.from({ length: sbplFiltersMax + 1 }, (_, index) => literal(`/${index}`));
    expect(problems(rule(any(...many.slice(1))))).toEqual([]);
    expect(problems(rule(any(...many)))).toEqual([
      [undefined, `it has ${sbplFiltersMax + 1} filters, ${limit(sbplFiltersMax)}`],
    ]);
  });
  test("too much text", () => {
    const wide = `/${"a".repeat(900)}`;
    const count = Math.ceil(sbplProfileMaxBytes / 900);
    const [[index, message] = []] = problems(rule(any(...Array(count).fill(literal(wide)))));
    expect(index).toBeUndefined();
    expect(message).toEndWith(` bytes, ${limit(sbplProfileMaxBytes)}`);
  });
});

describe("tests that are always or never true are folded away", () => {
  const a = literal("/a");
  const rows: readonly (readonly [string, Filter, Filter])[] = [
    ["all of nothing", all(), always],
    ["any of nothing", any(), never],
    ["all with always", all(always, a), a],
    ["all with never", all(a, never), never],
    ["any with always", any(a, always), always],
    ["any with never", any(never, a), a],
    ["not always", not(always), never],
    ["not never", not(never), always],
    ["not not", not(not(a)), a],
    ["groups in groups", all(a, all(a, isDirectory)), { kind: "all", of: [a, a, isDirectory] }],
    ["everything below the root", subpath("/"), always],
  ];
  for (const [name, given, wanted] of rows) {
    test(name, () => expect(given).toEqual(wanted));
  }
  test("a rule that never matches leaves no text", () => {
    expect(written(rule(never, { comment: "gone" }))).toBe(written());
  });
});

test("a comment stays one printable line", () => {
  const text = written(rule(always, { comment: 'a"\n(allow default)\u2028é' }));
  expect(text).toContain('; a"?(allow default)??\n(allow file-read-data)\n');
});

test("the tag goes into every message and nowhere else", () => {
  const deny = rule(literal("/TAG.TAG"), { effect: "deny", message: 7 });
  const profile = writeProfile([denyDefault, deny]);
  if (!profile.ok) throw new Error("refused");
  expect(profile.value.pieces).toHaveLength(3);
  expect(renderProfile(profile.value, "k1")).toBe(
    '(version 1)\n(deny default\n  (with message "0.k1"))\n' +
      '(deny file-read-data\n  (literal "/TAG.TAG")\n  (with message "7.k1"))\n',
  );
});

test("a last rule decides over those before it", () => {
  const profile = writeProfile([denyDefault]);
  if (!profile.ok) throw new Error("refused");
  const text = renderProfile(withLastRule(profile.value, rule(literal("/a"))), "t");
  const access = { operation: "file-read-data", vnode: "REGULAR-FILE" } as const;
  expect(new SbplProfile(text).decide({ ...access, path: "/a" }).allowed).toBe(true);
  expect(new SbplProfile(text).decide({ ...access, path: "/b" }).allowed).toBe(false);
});
