import { expect, test } from "bun:test";
import type { FeatureName } from "../../../../src/enforce/linux/features.ts";
import { type LinuxPlan, planLinux } from "../../../../src/enforce/linux/plan.ts";
import type { Capability } from "../../../../src/model/capability.ts";
import {
  disk,
  exactly,
  forbid,
  host,
  like,
  namespaces,
  not,
  permit,
  request,
  under,
} from "../../../support/ir.ts";

const world = disk(
  "/ws/.git/hooks/x",
  "/ws/secret/key",
  "/ws/src/a.txt",
  "/usr/bin/env",
  "/data/x.pem",
  "/l -> data",
  "/home/.ssh/id",
  "/home/linked/id+",
  "/home/linked/other",
);
const open = permit("all", under("/ws"));
const system = permit("read ProcessSpawn", under("/usr"));

function plan(
  rules: readonly Capability[],
  without: readonly FeatureName[] = [],
): LinuxPlan | string {
  const asked = request(rules, { audit: "off" });
  const planned = planLinux(asked, host({ without }), world);
  if (planned.ok) return planned.value;
  return planned.error.map(({ message }) => message).join("; ");
}

function openerOf(planned: LinuxPlan | string): string {
  if (typeof planned === "string") return planned;
  return planned.plan.notify?.brokerOpen === true ? "broker" : "kernel";
}

test("the broker opens exactly where the kernel's means do not hold the policy", () => {
  const profile = { ...permit("read change", under("/ws2/none")) };
  const rows: [string, Capability[], all: string, bare: string][] = [
    ["folders", [open, system], "kernel", "kernel"],
    ["a hole that is there", [open, forbid("all", under("/ws/secret"))], "kernel", "broker"],
    ["a protected name", [open, forbid("change", under("/ws/.git/hooks"))], "kernel", "broker"],
    ["a name to come", [open, forbid("change", under("/ws/.claude"))], "kernel", "kernel"],
    ["a pattern forbidden", [open, forbid("all", like("*.pem"))], "broker", "broker"],
    ["a pattern nothing matches", [open, forbid("all", like("/etc/*.pem"))], "kernel", "kernel"],
    ["a pattern granted", [permit("FileRead", like("/ws/*.txt"))], "broker", "broker"],
    [
      "a pattern that one file answers",
      [permit("FileRead", exactly("/data/x.pem")), forbid("FileRead", like("*.pem"))],
      "kernel",
      "kernel",
    ],
    [
      "a part given back",
      [open, forbid("all", under("/ws/src"), not(under("/ws/src/a.txt")))],
      "broker",
      "broker",
    ],
    ["reading only", [open, forbid("FileRead", under("/ws/secret"))], "broker", "broker"],
    ["a path to come", [system, permit("FileWrite", exactly("/ws/new"))], "broker", "broker"],
    ["a path to come in a grant", [open, permit("read", under("/ws/new"))], "kernel", "kernel"],
    [
      "a profile's path that is not there",
      [system, { ...profile, origin: { ...profile.origin, source: "profile:tool" } }],
      "kernel",
      "kernel",
    ],
    [
      "what is outside and has one name",
      [open, forbid("all", under("/home/.ssh"))],
      "kernel",
      "kernel",
    ],
    ["what has other names", [open, forbid("all", under("/home/linked"))], "broker", "broker"],
    [
      "the same, but for changes",
      [open, forbid("change", under("/home/linked"))],
      "kernel",
      "kernel",
    ],
    [
      "the same, given back",
      [open, forbid("all", under("/home/linked"), not(exactly("/home/linked/id")))],
      "kernel",
      "kernel",
    ],
    ["one beside it", [open, forbid("all", exactly("/home/linked/other"))], "kernel", "kernel"],
    ["one name to remove", [permit("FileDelete", exactly("/ws/src/a.txt"))], "broker", "broker"],
  ];
  for (const [name, rules, all, bare] of rows) {
    expect([name, openerOf(plan(rules)), openerOf(plan(rules, namespaces))]).toEqual([
      name,
      all,
      bare,
    ]);
  }
});

test("without a listener or Landlock there is no broker, and the clause is named", () => {
  const rules = [open, forbid("FileRead", like("*.pem"))];
  for (const lacking of ["notify", "landlock"] as const) {
    expect(plan(rules, [lacking])).toContain('forbidden by the pattern "*.pem" inside "/ws"');
  }
  const later = [open, permit("FileWrite", exactly("/data/new"))];
  expect(openerOf(plan(later, ["notify"]))).toBe("kernel");
});

test("running is not held by judging where the file can be read", () => {
  const rows: [string, Capability[], string][] = [
    ["a pattern granted", [permit("ProcessSpawn", like("/usr/*/env"))], "cannot be granted"],
    [
      "a pattern forbidden",
      [system, forbid("ProcessSpawn", like("/usr/bin/e*"))],
      "cannot be forbidden by the pattern",
    ],
    [
      "a folder forbidden",
      [system, forbid("ProcessSpawn", under("/usr/bin"))],
      "while FileRead, DirList stays granted",
    ],
  ];
  for (const [name, rules, text] of rows) {
    for (const without of [[], namespaces]) {
      expect([name, plan(rules, without)]).toEqual([name, expect.stringContaining(text)]);
    }
  }
});

test("running is graded by what keeps it", () => {
  const closed = [open, forbid("all", under("/ws/secret"))];
  const pattern = [open, forbid("all", like("*.pem"))];
  const rows = [
    [[open], [], "not-asked"],
    [closed, [], "enforced"],
    [closed, namespaces, "weaker"],
    [pattern, [], "weaker"],
  ] as const;
  for (const [rules, without, level] of rows) {
    const planned = plan(rules, without);
    if (typeof planned === "string") throw new Error(planned);
    const row = planned.coverage.find(({ protection }) => protection === "exec-inside-allow");
    expect(row?.level).toBe(level);
  }
});

test("a pattern in a linked folder holds for the place and for the name", () => {
  const planned = plan([permit("all", under("/data")), forbid("all", like("/l/*.pem"))]);
  if (typeof planned === "string") throw new Error(planned);
  const forbidden = planned.plan.rules.filter(({ effect }) => effect === "forbid");
  expect(forbidden.map(({ where }) => where)).toEqual([
    [{ kind: "path-like", parts: ["/data/", ".pem"], negated: false }],
    [{ kind: "path-like", parts: ["/l/", ".pem"], negated: false }],
  ]);
  const granted = plan([permit("FileRead", like("/l/*.pem"))]);
  if (typeof granted === "string") throw new Error(granted);
  expect(granted.plan.landlock?.paths.map(({ path }) => path)).toEqual(["/data"]);
});

test("what a forbid leaves out by a pattern is no leave for a file it does not match", () => {
  const planned = plan([
    permit("FileRead", exactly("/data/x.pem")),
    forbid("FileRead", under("/data"), not(like("*.txt"))),
  ]);
  if (typeof planned === "string") throw new Error(planned);
  expect(planned.plan.landlock?.paths).toEqual([]);
});
