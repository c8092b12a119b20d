import { describe, expect, test } from "bun:test";
import { parsePolicyTests, runPolicyTests } from "../../../src/policy/policy-tests.ts";
import { cedarSource, deciderOf, testPlaces } from "../../support/policies.ts";

function parse(text: string) {
  return parsePolicyTests({ name: "t.yaml", text }, testPlaces, "agent");
}

const policy = `
@id("ws") permit(principal, action == Aegis::Action::"FileWrite", resource)
when { resource in context.workspace };
@id("vip")
permit(principal == Aegis::Agent::"vip", action == Aegis::Action::"NetConnect", resource);
`;

describe("a file of policy tests", () => {
  test("passes and fails test by test", async () => {
    const parsed = parse(`
tests:
  - {action: FileWrite, resource: src/x, expect: allow, rule: ws}
  - {action: FileWrite, resource: $workspace/src/x, expect: allow}
  - {action: FileWrite, resource: ~/x, expect: deny}
  - {action: FileWrite, resource: src/x, expect: allow, rule: other}
  - {name: wrong, action: FileWrite, resource: /etc/x, expect: allow}
  - {action: NetConnect, resource: "example.com:443", expect: deny}
  - {action: NetConnect, resource: example.com, expect: allow, agent: vip}
`);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    const results = runPolicyTests(await deciderOf([cedarSource(policy)]), parsed.value);
    expect(results.map(({ test: { name }, passed }) => [name, passed])).toEqual([
      ["FileWrite src/x", true],
      ["FileWrite $workspace/src/x", true],
      ["FileWrite ~/x", true],
      ["FileWrite src/x", false],
      ["wrong", false],
      ["NetConnect example.com:443", true],
      ["NetConnect example.com", true],
    ]);
  });

  test("may be JSON", () => {
    const text = '{"tests": [{"action": "ToolCall", "resource": "Bash", "expect": "deny"}]}';
    const parsed = parse(text);
    expect(parsed.ok ? parsed.value.length : 0).toBe(1);
  });

  const broken: readonly [string, string][] = [
    ["tests: [", "Cannot read the tests: "],
    ["cases: []", 'Cannot read the tests: there is no list "tests"'],
    ["tests: []", 'Cannot read the tests: there is no list "tests"'],
    ["tests: [1]", "Cannot read test 1: it is no mapping"],
    [
      "tests: [{action: FileWrit, resource: /x, expect: deny}]",
      'Cannot read test 1: there is no action "FileWrit"',
    ],
    [
      "tests: [{action: FileWrite, resource: /x, expect: no-way}]",
      'Cannot read test 1: "expect" is neither "allow" nor "deny"',
    ],
    [
      "tests: [{action: FileWrite, expect: deny}]",
      'Cannot read test 1: "" is nothing FileWrite is about',
    ],
    [
      "tests: [{action: FileWrite, resource: /x, expect: deny, want: 1}]",
      'Cannot read test 1: there is no field "want"',
    ],
    [
      "tests: [{action: NetConnect, resource: 'a b', expect: deny}]",
      'Cannot read test 1: "a b" is nothing NetConnect is about',
    ],
  ];
  for (const [text, message] of broken) {
    test(`${text} is refused`, () => {
      const parsed = parse(text);
      expect(parsed.ok ? "" : (parsed.error[0]?.message ?? "")).toStartWith(message);
    });
  }
});
