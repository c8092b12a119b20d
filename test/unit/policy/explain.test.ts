import { describe, expect, test } from "bun:test";
import { prepareDecider } from "../../../src/policy/decide.ts";
import { explain } from "../../../src/policy/explain.ts";
import { flagsToCapabilities } from "../../../src/policy/flags.ts";
import { smallestGrant } from "../../../src/policy/grant.ts";
import { credentialsSource } from "../../../src/policy/layers.ts";
import { attemptOf, cedarSource, deciderOf } from "../../support/policies.ts";

const policy = `
@id("files")
permit(principal, action == Aegis::Action::"FileRead", resource in Aegis::Resource::"/srv");
@id("all-files")
permit(principal, action == Aegis::Action::"FileRead", resource);
@id("private")
forbid(principal, action, resource in Aegis::Resource::"/srv/private");
@id("keys")
forbid(principal, action, resource) when { resource.path like "*.key" };
`;

async function explained(what: string) {
  const { verdict, matching, change } = explain(
    await deciderOf([cedarSource(policy)]),
    attemptOf(what),
  );
  return {
    reason: verdict.reason,
    line: verdict.rule?.line,
    matching: matching.map(({ origin }) => origin.rule),
    remove: change?.remove.map(({ rule }) => rule),
    flag: change?.flag,
    cedar: change?.cedar,
  };
}

describe("an explanation", () => {
  test("of an allow names every rule that speaks about it", async () => {
    expect(await explained("FileRead /srv/x")).toEqual({
      reason: "allowed by files",
      line: 2,
      matching: ["files", "all-files"],
      remove: undefined,
      flag: undefined,
      cedar: undefined,
    });
  });
  test("of a forbid names what has to go", async () => {
    expect(await explained("FileRead /srv/private/a.key")).toEqual({
      reason: "denied by private",
      line: 6,
      matching: ["files", "all-files", "private", "keys"],
      remove: ["private", "keys"],
      flag: undefined,
      cedar: undefined,
    });
  });
  test("of a missing permit gives the smallest one", async () => {
    expect(await explained("FileWrite /srv/x y")).toEqual({
      reason: "no permit matched",
      line: undefined,
      matching: [],
      remove: [],
      flag: "--write '/srv/x y'",
      cedar:
        'permit(principal, action == Aegis::Action::"FileWrite", resource)' +
        ' when { resource.path == "/srv/x y" };',
    });
  });
  test("of a credential inside a permitted folder gives the flag that lifts it", async () => {
    const rule = `@id("keys") forbid(principal, action, resource in Aegis::Resource::"/srv/k");`;
    const credential = { kind: "cedar", name: credentialsSource, text: rule } as const;
    const decider = await deciderOf([cedarSource(policy), credential]);
    const { change } = explain(decider, attemptOf("FileRead /srv/k/id"));
    expect(change?.flag).toBe("--read /srv/k/id");
    const other = explain(decider, attemptOf("FileRead /srv/private/x"));
    expect(other.change?.flag).toBeUndefined();
  });
  test("of both gives both", async () => {
    const { remove, flag } = await explained("FileWrite /srv/private/x");
    expect([remove, flag]).toEqual([["private"], "--write /srv/private/x"]);
  });
});

describe("the smallest grant allows what was denied", () => {
  const rows: readonly [string, string | undefined][] = [
    ["FileRead /a b/'q'", "--read '/a b/'\\''q'\\'''"],
    ["DirList /x", "--read /x"],
    ["FileWrite /x", "--write /x"],
    ["FileDelete /x", undefined],
    ["FileDelete /x/\uFFFDff", "--write /x"],
    ["DirCreate /x", "--write /x"],
    ["NetConnect example.com:443", "--net example.com:443"],
    ["NetConnect [::1]:80", "--net localhost:80"],
    ["NetConnect [2001:db8::1]:80", "--net '[2001:db8::1]:80'"],
    ["NetConnect udp:192.0.2.1:53", "--net udp:192.0.2.1:53"],
    ["NetConnect icmp:example.com", "--net icmp:example.com"],
    ["NetBind udp:0.0.0.0:5353", "--listen udp:5353"],
    ["NetBind udp:0.0.0.0:0", undefined],
    ["NetBind 127.0.0.1:0", undefined],
    ["NetRequest https://example.com/x", "--net example.com:443"],
    ["NetBind 127.0.0.1:8080", "--listen 8080"],
    ["ProcessSpawn /usr/bin/x*y", undefined],
    ['ToolCall Ba"sh', undefined],
  ];
  for (const [what, flag] of rows) {
    test(`${what}: ${flag ?? "Cedar only"}`, async () => {
      const attempt = attemptOf(what);
      const grant = smallestGrant(attempt);
      expect(grant.flag).toBe(flag);
      const decider = await deciderOf([cedarSource(grant.cedar)]);
      expect(decider.decide(attempt).outcome).toBe("allow");
      if (flag !== undefined) expect(byFlag(flag, what)).toBe("allow");
    });
  }
});

/** What the flag answers once a shell has taken the quotes off. */
function byFlag(flag: string, what: string): string {
  const [name = "", ...rest] = flag.split(" ");
  const words = Bun.spawnSync(["sh", "-c", `printf %s ${rest.join(" ")}`]).stdout.toString();
  const flags = {
    read: [],
    write: [],
    deny: [],
    net: [],
    denyNet: [],
    listen: [],
    exec: [],
    [name.slice(2)]: [words],
  };
  const context = {
    directory: "/",
    home: "/root",
    realPath: () => undefined,
    findProgram: () => [],
  };
  const capabilities = flagsToCapabilities(flags, context);
  if (!capabilities.ok) throw new Error(JSON.stringify(capabilities.error));
  return prepareDecider(capabilities.value).decide(attemptOf(what)).outcome;
}
