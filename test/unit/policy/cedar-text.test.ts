import { describe, expect, test } from "bun:test";
import { formatPolicy } from "../../../src/policy/cedar/format.ts";
import {
  excessOf,
  findClause,
  positionsIn,
  splitPolicies,
} from "../../../src/policy/cedar/text.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { testCedar } from "../../support/cedar.ts";
import { testMs } from "../../support/patience.ts";
import { cedarSource, compiled, testPlaces } from "../../support/policies.ts";

describe("a policy file is cut at the end of each policy", () => {
  const rows: readonly [string, string, readonly string[]][] = [
    ["nothing", "  \n// only; a comment\n", []],
    ["two", "a;b;", ["a;", "b;"]],
    ["a comment with a semicolon before", "// x; y\na;", ["a;"]],
    ["a comment with a semicolon inside", 'a // x; "\n b;', ['a // x; "\n b;']],
    ["a text with a semicolon", 'a "x;\\";" b;', ['a "x;\\";" b;']],
    ["a text with slashes", 'a "//" ; b;', ['a "//" ;', "b;"]],
    ["no semicolon at the end", "a; b", ["a;", "b"]],
    ["a text that does not end", 'a "b; c', ['a "b; c']],
    ["Windows line ends", "a;\r\nb;\r\n", ["a;", "b;"]],
  ];
  for (const [name, text, policies] of rows) {
    test(name, () => {
      const split = splitPolicies(text);
      expect(split.map((policy) => policy.text)).toEqual([...policies]);
      for (const policy of split) expect(text.slice(policy.offset)).toStartWith(policy.text);
    });
  }
});

test("positions count lines and characters from one", () => {
  const text = "né\n\t🙂x\nlast";
  const position = positionsIn(text);
  expect(position(0)).toEqual({ line: 1, column: 1 });
  expect(position(text.indexOf("x"))).toEqual({ line: 2, column: 3 });
  expect(position(text.length)).toEqual({ line: 3, column: 5 });
});

test("a clause is found as it was written, whatever its blanks and parentheses", () => {
  const written = "permit(principal,action,resource) when{ // why\n ( resource.port+1 )==444 };";
  const found = findClause(written, "(resource.port + 1) == 444");
  expect(written.slice(found)).toStartWith("resource.port+1");
  expect(findClause(written, "resource.port + 2 == 444")).toBeUndefined();
});

describe("a policy that would break the engine", () => {
  const policy = (condition: string) =>
    `permit(principal, action, resource) when { ${condition} };`;
  const tests = (count: number) =>
    Array.from({ length: count }, (_, index) => `resource.path == "/a${index}"`).join(" || ");
  const choices = (depth: number): string =>
    depth === 0 ? "true" : `(if ${choices(depth - 1)} then resource.path == "/a" else false)`;
  const rows: readonly [string, string, string | undefined][] = [
    ["as deep as may be", policy(`${"(".repeat(48)}true${")".repeat(48)}`), undefined],
    ["too deep", policy(`${"(".repeat(60)}true${")".repeat(60)}`), "is nested more than 50 deep"],
    ["as wide as may be", policy(tests(500)), undefined],
    ["too wide", policy(tests(600)), "has more than 1000 operators"],
    ["choices within choices", policy(choices(45)), undefined],
    ["brackets in a text", policy(`resource.path == "/${"(".repeat(99)}"`), undefined],
  ];
  for (const [name, text, excess] of rows) {
    test(
      `${name}: ${excess ?? "is fine"}`,
      async () => {
        expect(excessOf(text)).toBe(excess);
        const cedar = async () => testCedar();
        const sources = [cedarSource(text)];
        const result = await compilePolicy({ cedar, sources, places: testPlaces });
        const messages = result.ok ? [] : result.error.map(({ message }) => message);
        expect(messages).toEqual(excess === undefined ? [] : [`Policy ${excess}`]);
      },
      testMs,
    );
  }
});

describe("rules are named", () => {
  test("by their @id, else by file and number, and by where they start", async () => {
    const text = `// é; a comment
permit(principal, action == Aegis::Action::"FileRead", resource);

  @id("né")
permit(principal, action == Aegis::Action::"DirList", resource);
@id("") permit(principal, action == Aegis::Action::"ToolCall", resource);`;
    const { capabilities } = await compiled([cedarSource(text, "dir/p.cedar")]);
    expect(capabilities.capabilities.map(({ origin }) => origin)).toEqual([
      { rule: "dir/p.cedar#1", source: "dir/p.cedar", line: 2, column: 1 },
      { rule: "né", source: "dir/p.cedar", line: 4, column: 3 },
      { rule: "dir/p.cedar#3", source: "dir/p.cedar", line: 6, column: 1 },
    ]);
  });

  test("and problems of several files come together, each at its place", async () => {
    const result = await compilePolicy({
      cedar: async () => testCedar(),
      places: testPlaces,
      sources: [
        cedarSource("permit(principal, action, resource);", "a.cedar"),
        cedarSource('"é" permit(principal, action, resource);', "b.cedar"),
        { kind: "manifest", name: "c.json", text: "{}" },
        cedarSource(
          "\npermit(principal action, resource);\nforbid(p, action, resource);",
          "d.cedar",
        ),
      ],
    });
    expect(
      result.ok ? [] : result.error.map(({ file, line, column }) => [file, line, column]),
    ).toEqual([
      ["b.cedar", 1, 1],
      ["c.json", 1, 1],
      ["c.json", 1, 1],
      ["c.json", 1, 1],
      ["c.json", 1, 1],
      ["d.cedar", 2, 18],
      ["d.cedar", 3, 8],
    ]);
  });

  test("and letters that look like others are warned of", async () => {
    const text = 'permit(principal, action, resource == Aegis::Resource::"/s\u0455v");';
    const { warnings } = await compiled([cedarSource(text)]);
    expect(warnings.map(({ severity, line }) => [severity, line])).toEqual([["warning", 1]]);
  });
});

describe("formatting", () => {
  test("lays a policy out and keeps its comments", () => {
    const text = '// why\npermit(principal,action,resource)when{resource.path=="/x"};';
    const formatted = formatPolicy(testCedar(), cedarSource(text));
    expect(formatted).toEqual({
      ok: true,
      value: '// why\npermit (principal, action, resource)\nwhen { resource.path == "/x" };\n',
    });
  });
  test("refuses a text that does not parse, with its place", () => {
    const formatted = formatPolicy(testCedar(), cedarSource("\npermit(;"));
    expect(formatted.ok ? [] : formatted.error.map(({ line, column }) => [line, column])).toEqual([
      [2, 8],
    ]);
  });
});
