// The evaluator stands for macOS in every test of profiles, so it is tested itself: against the
// documented semantics, by hand.

import { describe, expect, test } from "bun:test";
import { type SbplAccess, SbplProfile } from "../../support/sbpl-evaluator.ts";
import { parseSbpl } from "../../support/sbpl-parser.ts";
import { seatbeltRegex } from "../../support/seatbelt-regex.ts";

const read: SbplAccess = { operation: "file-read-data", path: "/a/b", vnode: "REGULAR-FILE" };
const sibling: SbplAccess = { ...read, path: "/ab" };
const unlink: SbplAccess = { operation: "file-write-unlink", path: "/a/b", vnode: "DIRECTORY" };
const connect: SbplAccess = {
  operation: "network-outbound",
  endpoint: { side: "remote", host: "example.com", port: 443 },
};
const local: SbplAccess = {
  operation: "network-outbound",
  endpoint: { side: "remote", host: "localhost", port: 80 },
};
const socket: SbplAccess = { operation: "network-outbound", path: "/a/s", unix: "remote" };

describe("an answer follows the rules", () => {
  const rows: readonly (readonly [string, string, SbplAccess, boolean])[] = [
    ["no rule: the default", "", read, false],
    ["a rule for another operation", "(allow file-write-data)", read, false],
    ["a rule without filters", "(allow file-read-data)", read, true],
    ["a group", "(allow file-read*)", read, true],
    ["the last match", '(allow file-read*)(deny file-read* (subpath "/a"))', read, false],
    ["the last match, the other way", "(deny file-read*)(allow file-read*)", read, true],
    ["filters are alternatives", '(allow file-read* (literal "/x") (literal "/a/b"))', read, true],
    ["a literal is exact", '(allow file-read* (literal "/a"))', read, false],
    ["a subpath", '(allow file-read* (subpath "/a"))', read, true],
    ["a subpath goes by component", '(allow file-read* (subpath "/a"))', sibling, false],
    ["require-all", '(allow file-read* (require-all (subpath "/a") (literal "/x")))', read, false],
    ["require-any", '(allow file-read* (require-any (subpath "/a") (literal "/x")))', read, true],
    ["require-not", '(allow file-read* (require-not (literal "/x")))', read, true],
    ["a vnode type", "(allow file-read* (vnode-type DIRECTORY))", read, false],
    ["a regex is searched for", '(allow file-read* (regex "b"))', read, true],
    ["a regex with anchors", '(allow file-read* (regex "^b$"))', read, false],
    ["an endpoint", '(allow network-outbound (remote ip "*:443"))', connect, true],
    ["another port", '(allow network-outbound (remote ip "*:80"))', connect, false],
    ["localhost only", '(allow network* (remote ip "localhost:*"))', connect, false],
    ["localhost", '(allow network* (remote ip "localhost:*"))', local, true],
    ["the other side", '(allow network-outbound (local ip "*:*"))', local, false],
    [
      "an endpoint has no path",
      '(allow network-outbound (require-not (literal "/x")))',
      local,
      true,
    ],
    ["a unix socket is no endpoint", '(allow network-outbound (remote ip "*:*"))', socket, false],
    ["a unix socket", "(allow network-outbound (remote unix-socket))", socket, true],
    ["an extension nobody holds", '(allow file-read* (extension "x"))', read, false],
  ];
  for (const [name, rules, access, allowed] of rows) {
    test(name, () => {
      const profile = new SbplProfile(`(version 1)(deny default)${rules}`);
      expect(profile.answer(access).documented.allowed).toBe(allowed);
    });
  }
});

test("a denial of a single operation beats a later grant of its group", () => {
  const rules = "(deny file-write-unlink)(allow file-write*)";
  const profile = new SbplProfile(`(version 1)(deny default)${rules}`);
  expect(profile.decide(unlink).allowed).toBe(false);
});

test("a profile whose verdict depends on how that rule is read is no good", () => {
  const rules = "(allow file-write-unlink)(deny file-write*)";
  const profile = new SbplProfile(`(version 1)(deny default)${rules}`);
  expect(profile.answer(unlink)).toMatchObject({
    documented: { allowed: false },
    hierarchical: { allowed: true },
  });
  expect(() => profile.decide(unlink)).toThrow("differ");
});

test("a denial names its message", () => {
  const rules = '(allow file-read*)(deny file-read-data (literal "/a/b") (with message "3.t"))';
  const profile = new SbplProfile(`(version 1)(deny default (with message "0.t"))${rules}`);
  expect(profile.decide(read)).toEqual({ allowed: false, message: "3.t" });
  expect(profile.decide(unlink)).toEqual({ allowed: false, message: "0.t" });
});

describe("text that is no profile is refused", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["a path no file has", '(version 1)(allow file-read* (subpath "/a/"))'],
    ["an open list", "(version 1)(deny default"],
    ["an open string", '(version 1)(deny default (with message "x'],
    ["an unknown escape", '(version 1)(allow file-read* (literal "/\\n"))'],
    ["a stray quote", "(version 1)'"],
    ["no version", "(deny default)"],
    ["an unknown operation", "(version 1)(allow file-everything)"],
    ["an unknown filter", '(version 1)(allow file-read* (path "/x"))'],
    ["an unknown modifier", "(version 1)(allow file-read* (with report))"],
    ["a host name", '(version 1)(allow network* (remote ip "example.com:80"))'],
    ["a port range", '(version 1)(allow network* (remote ip "*:1-9"))'],
    ["an overlong string", `(version 1)(allow file-read* (literal "/${"a".repeat(1_025)}"))`],
  ];
  for (const [name, text] of rows) {
    test(name, () => expect(() => new SbplProfile(text)).toThrow());
  }
});

test("strings keep every character, comments none", () => {
  expect(parseSbpl('; "gone\n(a "b;\\"\\\\\n c") ; gone')).toEqual([
    {
      kind: "list",
      items: [
        { kind: "symbol", text: "a" },
        { kind: "string", text: 'b;"\\\n c' },
      ],
    },
  ]);
});

describe("expressions are bytes and a small language", () => {
  test("a class takes one byte, so a letter of two needs two", () => {
    expect(seatbeltRegex("^/[^/]$")("/é")).toBe(false);
    expect(seatbeltRegex("^/[^/][^/]$")("/é")).toBe(true);
  });
  for (const source of ["a{2}", "\\d", "(?:a)", "a**", "[\\d]", "(a", "a)", "*a", "[é]", "a\\"]) {
    test(`${source} is refused`, () => expect(() => seatbeltRegex(source)).toThrow());
  }
});
