// Folders whose file system takes names in other cases for the same, and what they cost.

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { absPath } from "../../../../src/base/paths.ts";
import { refuseIfBelow } from "../../../../src/enforce/coverage.ts";
import { ignoresCase } from "../../../../src/enforce/ignores-case.ts";
import { planLinux } from "../../../../src/enforce/linux/plan.ts";
import type { Capability } from "../../../../src/model/capability.ts";
import { disk, forbid, host, like, permit, request, under } from "../../../support/ir.ts";
import { tempDir } from "../../../support/temp.ts";

const readable = permit("all", under("/ws"));
const secret = forbid("read change", under("/ws/box/secret"));
const hooks = forbid("change", under("/ws/.git/hooks"));
const pattern = forbid("read", like("*.pem"));
const permits = permit("read", like("/ws/*.txt"));

const both = ["deny-inside-allow", "protected-names"] as const;

/** Rows that are weaker where names in `folder` are taken in any case. */
function weakerIn(folder: string, ...capabilities: readonly Capability[]) {
  const plain = disk("/ws/box/secret/", "/ws/.git/hooks/", "/ws/.git/config", "/elsewhere/");
  const view = { ...plain, ignoresCase: (path: string) => path === folder };
  const planned = planLinux(request([readable, ...capabilities]), host(), view);
  if (!planned.ok) throw new Error(JSON.stringify(planned.error));
  const { coverage } = planned.value;
  const gaps = coverage.filter(({ level }) => level === "weaker");
  if (gaps.length > 0) expect(() => refuseIfBelow(coverage, false)).toThrow(`"${folder}" takes`);
  expect(() => refuseIfBelow(coverage, true)).not.toThrow();
  return gaps.map(({ protection }) => protection);
}

for (const [name, folder, rules, weaker] of [
  ["the folder over what is forbidden", "/ws/box", [secret], both],
  ["a folder further up", "/ws", [secret], both],
  ["what is forbidden itself: all in it is", "/ws/box/secret", [secret], []],
  ["a folder no rule looks into", "/elsewhere", [secret, hooks, pattern], []],
  ["the folder over a protected name", "/ws/.git", [hooks], ["protected-names"]],
  ["a granted folder, and a pattern", "/ws", [pattern], ["deny-inside-allow"]],
  ["a folder only permits are about", "/ws", [permits], []],
] as const)
  test(`a plan is weaker for case: ${name}`, () => {
    expect(weakerIn(folder, ...rules)).toEqual([...weaker]);
  });

test("folders of this machine tell names apart by case, whatever is in them", () => {
  const folder = tempDir("case");
  for (const [name, ...files] of [
    ["empty"],
    ["One", "file"],
    ["both", "file", "FILE"],
    ["none", "1", "2"],
  ] as const) {
    mkdirSync(join(folder, name));
    for (const file of files) writeFileSync(join(folder, name, file), "");
  }
  for (const path of ["empty", "One", "both", "none", "none/1", "absent", "."]) {
    const at = absPath(join(folder, path));
    expect([path, at !== undefined && ignoresCase(at)]).toEqual([path, false]);
  }
});
