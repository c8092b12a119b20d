import { describe, expect, test } from "bun:test";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { linkTargets } from "../../../src/policy/links.ts";
import { profileSource } from "../../../src/policy/profiles.ts";
import { testCedar } from "../../support/cedar.ts";
import { attemptOf, cedarSource, deciderOf, testPlaces } from "../../support/policies.ts";

/** A disk on which these links exist, and everything but `absent` below them. */
const links: Readonly<Record<string, string>> = {
  "/etc/resolv.conf": "/run/resolve/stub.conf",
  "/bin": "/usr/bin",
  "/home/ada/.config": "/home/ada/dotfiles/config",
  "/home/ada/project/out": "/srv/elsewhere",
  "/home/ada/project/lib": "/home/ada/project/packages/lib",
};

function realPath(path: string): string | undefined {
  if (path.includes("absent")) return undefined;
  const link = Object.keys(links).find((from) => path === from || path.startsWith(`${from}/`));
  return link === undefined ? path : `${links[link]}${path.slice(link.length)}`;
}

const reading = 'action == Aegis::Action::"FileRead"';

function rule(effect: string, path: string, id = "r"): string {
  const resource = `resource in Aegis::Resource::"${path}"`;
  return `@id("${id}") ${effect}(principal, ${reading}, ${resource});\n`;
}

describe("a path leads", () => {
  const target = linkTargets(realPath);
  const rows: readonly [string, string | undefined][] = [
    ["/etc/resolv.conf", "/run/resolve/stub.conf"],
    ["/etc/hosts", undefined],
    ["/bin/sh", "/usr/bin/sh"],
    ["/", undefined],
    ["/home/ada/.config/absent/x", "/home/ada/dotfiles/config/absent/x"],
    ["/absent/x", undefined],
  ];
  for (const [path, leads] of rows) {
    test(`${path}: ${leads ?? "to itself"}`, () => expect(target(path)).toBe(leads));
  }
});

describe("a rule about a link is about what it leads to", () => {
  const text =
    rule("permit", "/etc/resolv.conf", "dns") +
    rule("permit", "/home", "home") +
    rule("forbid", "~/.config/absent", "cfg") +
    `@id("like") forbid(principal, ${reading}, resource)
    when { resource.path like "~/.config/*.key" };`;
  const rows: readonly [string, string][] = [
    ["FileRead /run/resolve/stub.conf", "allowed by dns"],
    ["FileRead /run/resolve/other", "no permit matched"],
    ["FileRead /home/ada/dotfiles/config/absent/x", "denied by cfg"],
    ["FileRead /home/ada/dotfiles/config/a.key", "denied by like"],
    ["FileRead /home/ada/dotfiles/config/a.txt", "allowed by home"],
  ];
  for (const [what, reason] of rows) {
    test(`${what}: ${reason}`, async () => {
      const decider = await deciderOf([cedarSource(text)], { realPath });
      expect(decider.decide(attemptOf(what)).reason).toBe(reason);
    });
  }
});

describe("a link in the workspace that leads out of it", () => {
  const errors = async (text: string) => {
    const sources = [cedarSource(text)];
    const result = await compilePolicy({
      cedar: async () => testCedar(),
      sources,
      places: testPlaces,
      realPath,
    });
    return result.ok ? [] : result.error.map(({ message }) => message);
  };
  test("is not followed by a permit", async () => {
    expect(await errors(rule("permit", "$workspace/out/x"))).toEqual([
      `Path "/home/ada/project/out/x" is a link that leads out of the workspace,` +
        ' to "/srv/elsewhere/x"',
    ]);
  });
  test("that a profile grants is told as a folder no box can work in", async () => {
    const workspace = "/etc";
    const result = await compilePolicy({
      cedar: async () => testCedar(),
      sources: [profileSource("base", "linux")],
      places: { ...testPlaces, workspace },
      realPath,
    });
    const told = result.ok ? [] : result.error;
    expect(told.map(({ message }) => message)).toEqual([
      '"/etc" cannot be the workspace: Path "/etc/resolv.conf" is a link that leads out of the' +
        ' workspace, to "/run/resolve/stub.conf"',
    ]);
    expect(told[0]?.hint).toContain("--dir");
  });
  test("is followed by a forbid", async () => {
    expect(await errors(rule("forbid", "$workspace/out/x"))).toEqual([]);
  });
  test("is followed where it leads to the workspace", async () => {
    expect(await errors(rule("permit", "$workspace/lib"))).toEqual([]);
  });
});
