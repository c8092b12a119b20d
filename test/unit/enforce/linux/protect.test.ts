import { expect, test } from "bun:test";
import { regionsOf } from "../../../../src/enforce/linux/paths/grants.ts";
import { lower } from "../../../../src/enforce/linux/paths/holes.ts";
import { protect } from "../../../../src/enforce/linux/protect.ts";
import type { Capability } from "../../../../src/model/capability.ts";
import { disk, exactly, forbid, like, not, permit, under } from "../../../support/ir.ts";

const world = disk(
  "/ws/secret/key",
  "/ws/.git/hooks/x",
  "/ws/.git/config",
  "/ws/tool",
  "/usr/bin/curl",
  "/ro/f",
  "/l -> ws/secret",
  "/ws/in -> ../ro",
);

function held(...capabilities: readonly Capability[]) {
  const lowered = lower(regionsOf(capabilities, world));
  const { steps, guarded, findings } = protect(lowered.holes, lowered.grants, world);
  return {
    steps: steps.map((step) => ("path" in step ? `${step.kind} ${step.path}` : step.kind)),
    guarded: guarded.map(({ path }) => path as string),
    findings: [...lowered.findings, ...findings].map(({ message }) => message),
  };
}

const open = permit("all", under("/ws"));
const readable = permit("read ProcessSpawn", under("/"));

test("a hole is held by the means that denies what is forbidden", () => {
  const rows: [string, Capability[], string[], string[]][] = [
    ["nothing forbidden", [open], [], []],
    ["a forbid beside every grant", [open, forbid("all", under("/ro"))], [], []],
    [
      "a folder for nobody",
      [open, forbid("all", under("/ws/secret"))],
      ["mask-directory /ws/secret"],
      ["/ws/secret"],
    ],
    [
      "a file for nobody",
      [open, forbid("all", exactly("/ws/.git/config"))],
      ["mask-file /ws/.git/config"],
      ["/ws/.git/config"],
    ],
    [
      "content only",
      [open, forbid("FileRead FileWrite", under("/ws/secret"))],
      ["mask-directory /ws/secret"],
      ["/ws/secret"],
    ],
    [
      "no reading where nothing is written",
      [readable, forbid("FileRead", under("/ro"))],
      ["mask-directory /ro"],
      [],
    ],
    [
      "no changes",
      [open, forbid("change", under("/ws/.git/hooks"))],
      ["read-only /ws/.git/hooks"],
      ["/ws/.git/hooks"],
    ],
    [
      "no writing",
      [open, forbid("FileWrite", exactly("/ws/.git/config"))],
      ["read-only /ws/.git/config"],
      ["/ws/.git/config"],
    ],
    [
      "no deleting of one name",
      [open, forbid("FileDelete", exactly("/ws/.git"))],
      ["writable /ws/.git"],
      ["/ws/.git"],
    ],
    [
      "no running of one program",
      [readable, forbid("ProcessSpawn", exactly("/usr/bin/curl"))],
      ["mask-file /usr/bin/curl"],
      [],
    ],
    ["what is not there yet", [open, forbid("change", under("/ws/.claude"))], [], ["/ws/.claude"]],
    ["what is not there, for nobody", [open, forbid("all", exactly("/ws/.env"))], [], ["/ws/.env"]],
    ["what is not there and cannot be made", [readable, forbid("all", under("/ws/none"))], [], []],
    [
      "below a folder only",
      [open, forbid("change", like("/ws/.git/hooks/*"))],
      ["read-only /ws/.git/hooks"],
      ["/ws/.git/hooks"],
    ],
    [
      "one in the other",
      [open, forbid("change", under("/ws/.git")), forbid("all", under("/ws/.git/hooks"))],
      ["read-only /ws/.git", "mask-directory /ws/.git/hooks"],
      ["/ws/.git", "/ws/.git/hooks"],
    ],
    [
      "below a mask nothing more is needed",
      [open, forbid("all", under("/ws/.git")), forbid("change", under("/ws/.git/hooks"))],
      ["mask-directory /ws/.git"],
      ["/ws/.git", "/ws/.git/hooks"],
    ],
    [
      "a permit's own exception",
      [permit("all", under("/ws"), not(under("/ws/secret")))],
      ["mask-directory /ws/secret"],
      ["/ws/secret"],
    ],
    [
      "an exception another permit gives back",
      [permit("FileRead", under("/"), not(under("/ws"))), permit("FileRead", under("/ws"))],
      [],
      [],
    ],
    ["a forbid that covers a grant ends it", [open, forbid("all", under("/"))], [], []],
    [
      "a forbid outside one folder",
      [permit("read", under("/")), forbid("read", not(under("/ws")))],
      [],
      [],
    ],
    [
      "through a link",
      [open, forbid("all", under("/l"))],
      ["mask-directory /ws/secret"],
      ["/ws/secret"],
    ],
    [
      "a forbidden link is kept as a name too",
      [open, permit("all", under("/ro")), forbid("change", under("/ws/in"))],
      [],
      ["/ws/in"],
    ],
    ["a pattern nothing granted matches", [open, forbid("FileRead", like("/etc/*.pem"))], [], []],
    [
      "a pattern for what is not granted",
      [permit("read", under("/ws")), forbid("FileWrite", like("*.pem"))],
      [],
      [],
    ],
  ];
  for (const [name, capabilities, steps, guarded] of rows) {
    const result = held(...capabilities);
    expect({ name, ...result, guarded: result.guarded.sort() }).toEqual({
      name,
      steps,
      guarded: guarded.sort(),
      findings: [],
    });
  }
});

test("what a mount denies beyond the policy is named, with the rule it is there for", () => {
  const rows: [string, Capability[], string[]][] = [
    ["nothing", [open, forbid("all", under("/ws/secret"))], []],
    [
      "a closed folder",
      [open, forbid("FileRead FileWrite", under("/ws/secret"))],
      ["FileDelete DirCreate DirList ProcessSpawn /ws/secret"],
    ],
    [
      "what is below a folder is closed, and the folder with it",
      [open, forbid("all", like("/ws/secret/*"))],
      ["FileDelete DirList /ws/secret"],
    ],
    [
      "a closed file",
      [open, forbid("FileRead FileWrite", exactly("/ws/.git/config"))],
      ["FileDelete ProcessSpawn /ws/.git/config"],
    ],
    [
      "a folder that is not changed",
      [open, forbid("FileWrite", under("/ws/.git/hooks"))],
      ["FileDelete DirCreate /ws/.git/hooks"],
    ],
    [
      "a program that is closed for being read",
      [readable, forbid("ProcessSpawn", exactly("/usr/bin/curl"))],
      ["FileRead /usr/bin/curl"],
    ],
    ["one name that stays", [open, forbid("FileDelete", exactly("/ws/.git"))], []],
  ];
  for (const [name, capabilities, denied] of rows) {
    const lowered = lower(regionsOf(capabilities, world));
    const { besides } = protect(lowered.holes, lowered.grants, world);
    const told = besides.map(({ actions, where: [place], origin }) => {
      expect(origin).toEqual(capabilities.at(-1)?.origin ?? origin);
      return [...actions, place !== undefined && "path" in place ? place.path : ""].join(" ");
    });
    expect([name, ...told]).toEqual([name, ...denied]);
  }
});

test("a hole no means can hold is refused, naming what is forbidden and what stays granted", () => {
  const rows: [string, Capability[], string][] = [
    [
      "no reading where writing stays",
      [open, forbid("FileRead", under("/ws/secret"))],
      "FileRead cannot be forbidden",
    ],
    [
      "no deleting below where writing stays",
      [open, forbid("FileDelete", under("/ws/secret"))],
      "FileDelete cannot be forbidden",
    ],
    [
      "no listing where reading stays",
      [readable, forbid("DirList", under("/ro"))],
      "DirList cannot be forbidden",
    ],
    [
      "no running in a folder that stays readable",
      [readable, forbid("ProcessSpawn", under("/ws"))],
      "ProcessSpawn cannot be forbidden",
    ],
    [
      "no reading of what the box could make",
      [open, forbid("FileRead", exactly("/ws/.env"))],
      "FileRead cannot be forbidden",
    ],
    ["a pattern", [open, forbid("FileRead", like("*.pem"))], 'by the pattern "*.pem" inside "/ws"'],
    [
      "a pattern that leaves something out",
      [open, forbid("change", under("/ws"), not(like("*.txt")))],
      "pattern",
    ],
    [
      "a folder but not a part of it",
      [permit("all", under("/")), forbid("all", under("/ws"), not(under("/ws/secret")))],
      'not in "/ws/secret" below it',
    ],
    [
      "a permit by pattern",
      [permit("FileRead", like("/ws/*.txt"))],
      "cannot be granted by the pattern",
    ],
    [
      "an exception half given back",
      [permit("FileRead", under("/"), not(under("/ws"))), permit("FileRead", under("/ws/secret"))],
      "grants a part",
    ],
  ];
  for (const [name, capabilities, text] of rows) {
    const { findings } = held(...capabilities);
    expect([name, findings.length > 0]).toEqual([name, true]);
    expect(findings.join("; ")).toContain(text);
  }
});

test("a link the box could replace does not widen what the next box may reach", () => {
  const trap = disk("/ws/data -> /home/u", "/home/u/.ssh/key", "/home/u/x");
  const rules = [permit("change", under("/ws")), permit("FileRead", under("/ws/data"))];
  expect(regionsOf(rules, trap).findings[0]?.message).toContain('through the link "/ws/data"');
  const outside = disk("/data -> /srv/data", "/srv/data/x", "/ws/");
  const twin = [permit("change", under("/ws")), permit("FileRead", under("/data"))];
  expect(regionsOf(twin, outside).findings).toEqual([]);
  const granted = [...rules, permit("FileRead", under("/home/u"))];
  expect(regionsOf(granted, trap).findings).toEqual([]);
});
