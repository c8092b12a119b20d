import { describe, expect, test } from "bun:test";
import { answerOf, questionText } from "../../../src/cli/ask-terminal.ts";
import type { PromptQuestion } from "../../../src/supervise/asking.ts";

const whole: PromptQuestion = {
  actions: ["FileRead"],
  path: "/data/a",
  isGarbled: false,
  pid: 7,
  exe: "/usr/bin/cat",
  alwaysIn: "/policy.cedar",
  folder: "/data",
  isRepeatable: true,
};
const least: PromptQuestion = {
  ...whole,
  alwaysIn: undefined,
  folder: undefined,
  isRepeatable: false,
};

describe("a key", () => {
  const rows = [
    ["o", "once", "once"],
    ["O", "once", "once"],
    ["s", "session", undefined],
    ["a", "always", undefined],
    ["f", "folder", undefined],
    ["d", "deny", undefined],
    ["n", "no", "no"],
    ["\r", "no", "no"],
    ["\x03", "no", "no"],
    ["\x04", "no", "no"],
    ["q", "quit", "quit"],
    ["y", undefined, undefined],
    [" ", undefined, undefined],
    ["", undefined, undefined],
    ["xo", "once", "once"],
    ["\x1b[A", undefined, undefined],
    ["o\x1b", undefined, undefined],
  ] as const;
  for (const [typed, offered, notOffered] of rows) {
    test(`${JSON.stringify(typed)} means what is offered, or nothing`, () => {
      expect(answerOf(typed, whole)).toBe(offered);
      expect(answerOf(typed, least)).toBe(notOffered);
    });
  }
});

test("what is done is shown with its other path, in one sentence", () => {
  const moved = { ...least, actions: ["FileRead", "FileDelete"], deed: "move" } as const;
  const text = questionText({ ...moved, other: "/b\n% $&" });
  expect(text).toContain('wants to read and delete\n    "/data/a"\n');
  expect(text).toContain('  It would be moved to "/b\\n% $&", with all that is in it.\n');
  expect(questionText({ ...least, deed: "open", other: "" })).not.toContain("It would");
});

test("a connection is shown with what its address is, and whose", () => {
  const connection = { host: "10.0.0.5", port: 80, protocol: "tcp" } as const;
  const text = questionText({
    ...least,
    actions: ["NetConnect"],
    path: "10.0.0.5:80",
    connection: { ...connection, name: "a\nb.test", kind: "in a private network" },
  });
  expect(text).toContain('wants to connect to\n    "10.0.0.5:80"\n');
  expect(text).toContain("in a private network");
  expect(text).not.toContain("a\nb.test");
});

test("a question names what its keys can do, and no other key", () => {
  expect(
    questionText(whole)
      .match(/^ {2}\w {2}/gm)
      ?.join(""),
  ).toBe("  o    s    f    a    n    d    q  ");
  expect(
    questionText(least)
      .match(/^ {2}\w {2}/gm)
      ?.join(""),
  ).toBe("  o    n    q  ");
});

test("nothing of a name reaches the terminal as it is", () => {
  const path = '/d/\x1b[2J\r\n\u202e\x9b"\\n';
  const text = questionText({ ...whole, path, exe: path });
  for (const mark of ["\x1b", "\r", "\u202e", "\x9b"]) expect(text).not.toContain(mark);
  expect(text.split("\n")[2]).toBe('    "/d/\\x1b[2J\\r\\n\\u{202e}\\x9b\\"\\\\n"');
});
