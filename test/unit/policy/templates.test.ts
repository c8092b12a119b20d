// The templates say what the reference documents promise of them, and pass their own schema.

import { describe, expect, test } from "bun:test";
import { actions } from "../../../src/model/capability.ts";
import { parsePolicies } from "../../../src/policy/cedar/parse.ts";
import { isOwnText } from "../../../src/policy/layers.ts";
import { profileNames, profileSource } from "../../../src/policy/profiles.ts";
import {
  templateNamed,
  templateSource,
  templates,
  wholeText,
} from "../../../src/policy/templates.ts";
import { testCedar } from "../../support/cedar.ts";
import { attemptOf, cedarSource, compiled, deciderOf, layersOf } from "../../support/policies.ts";

const sample: Readonly<Record<(typeof actions)[number], string>> = {
  FileRead: "FileRead /srv/x",
  FileWrite: "FileWrite /srv/x",
  FileDelete: "FileDelete /srv/x",
  DirCreate: "DirCreate /srv/x",
  DirList: "DirList /srv",
  NetConnect: "NetConnect example.com:443",
  NetBind: "NetBind 127.0.0.1:80",
  NetRequest: "NetRequest https://example.com/x",
  ToolCall: "ToolCall Bash",
  ProcessSpawn: "ProcessSpawn /srv/tool",
  ProcessExit: "ProcessExit sh",
  ApiUsage: "ApiUsage anthropic",
};
const read = ["FileRead", "DirList", "ProcessSpawn", "ProcessExit"];
const write = ["FileWrite", "FileDelete", "DirCreate"];

const allowedBy: readonly [string, readonly string[]][] = [
  ["default-deny", []],
  ["allow-read-only", read],
  ["allow-read-write", [...read, ...write]],
  ["ci-runner", [...read, ...write]],
  ["data-science", [...read, ...write, "NetConnect", "NetRequest"]],
  ["permit-all", actions],
];

function sourceOf(name: string) {
  const template = templateNamed(name);
  if (template === undefined) throw new Error(`no template ${name}`);
  return templateSource(template);
}

describe("a template allows what it says and nothing else", () => {
  for (const [name, allowed] of allowedBy) {
    test(name, async () => {
      const decider = await deciderOf([sourceOf(name)]);
      const answered = actions.filter(
        (action) => decider.decide(attemptOf(sample[action])).outcome === "allow",
      );
      expect(answered).toEqual(actions.filter((action) => allowed.includes(action)));
    });
  }
});

test("the texts of the reference documents are the texts of the templates", () => {
  const code = (name: string) =>
    sourceOf(name)
      .text.replace(/^\/\/.*\n/gm, "")
      .trim();
  expect(code("default-deny")).toBe("forbid(principal, action, resource);");
  expect(code("permit-all")).toBe("permit(principal, action, resource);");
});

test("an unknown template is none", () => {
  expect(templateNamed("allow-everything")).toBeUndefined();
});

test("no policy at all is default-deny", async () => {
  const decider = await deciderOf(layersOf());
  const verdict = decider.decide(attemptOf("FileRead /usr/lib/x"));
  expect(verdict.reason).toBe("denied by template:default-deny#1");
});

describe("every text that comes with the program", () => {
  const all = [
    ...templates.map(templateSource),
    ...profileNames.map((name) => profileSource(name, "linux")),
    profileSource("base", "macos"),
    ...layersOf().filter(({ name }) => name.startsWith("protected:")),
  ];
  for (const source of all) {
    test(`${source.name} passes the schema and compiles`, async () => {
      const parsed = parsePolicies(testCedar(), [source]);
      expect(parsed.diagnostics).toEqual([]);
      expect((await compiled([source])).warnings).toEqual([]);
    });
  }
  test("every rule of a profile or protection has an id that says where it is from", () => {
    const named = all.filter(({ name }) => !name.startsWith("template:"));
    const parsed = parsePolicies(testCedar(), named);
    const odd = parsed.policies.filter(({ origin, source }) => {
      const prefix = source.name
        .replace(/^profile:/, "")
        .replace(/^protected:(credentials|sockets)$/, "$1");
      return !origin.rule.startsWith(`${prefix.split(":")[0]}:`);
    });
    expect(odd.map(({ origin }) => origin.rule)).toEqual([]);
  });
  test("is known to have been checked, and an edited one is not", () => {
    const [workspace] = templates.filter(({ name }) => name === "workspace").map(templateSource);
    if (workspace === undefined) throw new Error("no workspace template");
    expect(isOwnText(workspace)).toBe(true);
    expect(isOwnText({ ...workspace, text: `${workspace.text} ` })).toBe(false);
  });
  for (const template of templates) {
    test(`${template.name} printed with its profiles needs nothing else`, async () => {
      const alone = await compiled([cedarSource(wholeText(template, "linux"))]);
      const layered = await compiled(
        layersOf({ templates: [template.name] }).filter(
          ({ name }) => !name.startsWith("protected:"),
        ),
      );
      const rules = ({ capabilities }: typeof alone) =>
        new Set(
          capabilities.capabilities.map(({ origin, where }) =>
            JSON.stringify([origin.rule, where]),
          ),
        );
      const withoutNumbers = (set: Set<string>) =>
        [...set].filter((rule) => !rule.includes(".cedar#") && !rule.includes("template:"));
      expect(withoutNumbers(rules(alone)).sort()).toEqual(withoutNumbers(rules(layered)).sort());
    });
  }
});

test("a name that is no template or profile is refused with the names there are", () => {
  expect(() => layersOf({ templates: ["x"] })).toThrow('Cannot use policy template "x"');
  expect(() => layersOf({ profiles: ["x"] })).toThrow('Cannot use profile "x"');
});
