import { describe, expect, test } from "bun:test";
import type { Attempt } from "../../../src/model/attempt.ts";
import type { Capabilities, Capability } from "../../../src/model/capability.ts";
import { decide, prepareDecider } from "../../../src/policy/decide.ts";
import { exactly, permit, under } from "../../support/ir.ts";
import { attemptOf, cedarSource, deciderOf } from "../../support/policies.ts";

const everything: Capabilities = {
  version: 1,
  capabilities: [permit("all", under("/")), permit("NetConnect"), permit("ToolCall")],
};

function attempt(action: string, path: string, host?: string, port?: number): Attempt {
  return { action, agent: "agent", resource: { path, host, port } } as Attempt;
}

describe("decide() judges only what is plainly written", () => {
  const flawed: readonly [string, Attempt][] = [
    ["a relative path", attempt("FileRead", "etc/hosts")],
    ["an empty path", attempt("FileRead", "")],
    ["a path with dots", attempt("FileRead", "/a/../etc/hosts")],
    ["a path that ends in dots", attempt("FileRead", "/a/..")],
    ["a path with one dot", attempt("FileRead", "/a/./b")],
    ["a path with an empty step", attempt("FileRead", "/a//b")],
    ["a path with a slash at the end", attempt("FileRead", "/a/")],
    ["a path with NUL", attempt("FileRead", "/a\0b")],
    ["a path that is no text", attempt("FileRead", "/a\uD800")],
    ["a path that was no text", attempt("FileRead", "/a\uFFFD")],
    ["an action that does not exist", attempt("FileFrobnicate", "/a")],
    ["a connection without a host", attempt("NetConnect", "example.com", undefined, 443)],
    ["a connection without a port", attempt("NetConnect", "example.com", "example.com")],
    ["a host in capitals", attempt("NetConnect", "Example.com", "Example.com", 443)],
    ["a host with a dot at its end", attempt("NetConnect", "e.com.", "e.com.", 443)],
    ["a port out of range", attempt("NetConnect", "e.com", "e.com", 65_536)],
    ["a port that is no integer", attempt("NetConnect", "e.com", "e.com", 1.5)],
  ];
  for (const [name, flaw] of flawed) {
    test(`${name} is denied under a policy that permits everything`, () => {
      const { outcome, rule, reason } = decide(everything, flaw);
      expect([outcome, rule]).toEqual(["deny", undefined]);
      expect(reason).toStartWith("could not be judged: ");
    });
  }

  const plain: readonly Attempt[] = [
    attempt("FileRead", "/"),
    attempt("FileRead", "/a/..b/.c/...d"),
    attempt("FileRead", "/a b/né/\n"),
    attempt("NetConnect", "e.com", "e.com", 0),
    attempt("NetConnect", "::1", "::1", 65_535),
    attempt("ToolCall", "any thing/../at all"),
  ];
  for (const fine of plain) {
    test(`${fine.action} ${JSON.stringify(fine.resource.path)} is judged`, () => {
      expect(decide(everything, fine).outcome).toBe("allow");
    });
  }
});

describe("decide() fails closed", () => {
  test("a capability that cannot be evaluated denies", () => {
    const broken = { ...permit("FileRead"), where: [{ kind: "path-like", negated: false }] };
    const capabilities = { version: 1, capabilities: [broken] } as unknown as Capabilities;
    const verdict = decide(capabilities, attempt("FileRead", "/x"));
    expect(verdict.outcome).toBe("deny");
    expect(verdict.reason).toStartWith("could not be judged: ");
  });
  test("no capabilities deny", () => {
    expect(decide({ version: 1, capabilities: [] }, attempt("FileRead", "/x"))).toEqual({
      outcome: "deny",
      rule: undefined,
      reason: "no permit matched",
    });
  });
});

test("a rule is found among thousands, whatever it asks for", () => {
  const many: Capability[] = Array.from({ length: 3000 }, (_, index) =>
    permit("read", index % 2 === 0 ? under(`/d${index}`) : exactly(`/f${index}`)),
  );
  const decider = prepareDecider({ version: 1, capabilities: many });
  expect(decider.decide(attemptOf("FileRead /d2998/a/b")).outcome).toBe("allow");
  expect(decider.decide(attemptOf("FileRead /f2999")).outcome).toBe("allow");
  expect(decider.decide(attemptOf("FileRead /f2999/a")).outcome).toBe("deny");
  expect(decider.decide(attemptOf("FileWrite /d2998/a/b")).outcome).toBe("deny");
});

describe("permits for decisions outside the kernel", () => {
  const text = `
    @id("odd") permit(principal, action == Aegis::Action::"NetConnect", resource)
    when { resource has port && resource.port * 2 == 160 };
    @id("others") permit(principal, action == Aegis::Action::"ToolCall", resource)
    unless { principal == Aegis::Agent::"guest" };
    @id("not-here") forbid(principal, action == Aegis::Action::"NetConnect", resource)
    when { resource has host && resource.host == "bad.example" };`;
  const rows: readonly [string, string, "allow" | "deny", string][] = [
    ["NetConnect e.com:80", "agent", "allow", "allowed by odd"],
    ["NetRequest e.com:80", "agent", "allow", "allowed by odd"],
    ["NetConnect e.com:81", "agent", "deny", "no permit matched"],
    ["NetConnect bad.example:80", "agent", "deny", "denied by not-here"],
    ["ToolCall Bash", "agent", "allow", "allowed by others"],
    ["ToolCall Bash", "guest", "deny", "no permit matched"],
  ];
  for (const [what, agent, outcome, reason] of rows) {
    test(`${what} by ${agent}: ${reason}`, async () => {
      const decider = await deciderOf([cedarSource(text)], { decisionOnly: true });
      const verdict = decider.decide(attemptOf(what, agent));
      expect([verdict.outcome, verdict.reason]).toEqual([outcome, reason]);
    });
  }
  test("are no capabilities, and a forbid like them is refused all the same", async () => {
    const forbid = text.replace('@id("odd") permit', '@id("odd") forbid');
    expect(deciderOf([cedarSource(forbid)], { decisionOnly: true })).rejects.toThrow(
      'Policy "odd" has a clause the kernel cannot enforce: (resource.port * 2) == 160',
    );
  });
});
