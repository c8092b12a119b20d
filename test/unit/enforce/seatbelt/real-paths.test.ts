// Capabilities over real paths, on a real disk with real links.

import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { realDisk } from "../../../../src/enforce/linux/paths/disk.ts";
import { realCapabilities } from "../../../../src/enforce/seatbelt/real-paths.ts";
import type { Action, Atom, Capability } from "../../../../src/model/capability.ts";
import { tempDir } from "../../../support/temp.ts";

/** `ws/link` leads to `ws/real`, `ws/dangling` to `ws/missing`. */
const ws = tempDir("real-paths");
mkdirSync(join(ws, "real"));
writeFileSync(join(ws, "real/file"), "");
symlinkSync("real", join(ws, "link"));
symlinkSync("missing", join(ws, "dangling"));

function below(name: string, negated = false): Atom {
  return { kind: "path-in", path: join(ws, name), negated };
}

function like(head: string, ...parts: readonly string[]): Atom {
  return { kind: "path-like", parts: [`${ws}/${head}`, ...parts], negated: false };
}

function rule(effect: "permit" | "forbid", ...where: readonly Atom[]): Capability {
  const actions: readonly Action[] = ["FileWrite"];
  const origin = { rule: "r", source: "p.cedar", line: 1, column: 1 };
  return { effect, actions, agent: undefined, where, origin };
}

function real(capability: Capability): readonly (readonly Atom[])[] {
  return realCapabilities([capability], realDisk()).capabilities.map(({ where }) => where);
}

describe("a permit is for the real name alone", () => {
  const rows: readonly (readonly [string, Atom, Atom])[] = [
    ["no link", below("real"), below("real")],
    ["a link", below("link"), below("real")],
    ["below a link", below("link/file"), below("real/file")],
    ["a link to nothing", below("dangling"), below("missing")],
    ["nothing", below("absent/x"), below("absent/x")],
    ["a pattern below a link", like("link/", ".txt"), like("real/", ".txt")],
    ["a pattern beside a link", like("li", ".txt"), like("li", ".txt")],
    [
      "a pattern without a place",
      { kind: "path-like", parts: ["", "x"], negated: false },
      {
        kind: "path-like",
        parts: ["", "x"],
        negated: false,
      },
    ],
  ];
  for (const [name, written, wanted] of rows) {
    test(name, () => expect(real(rule("permit", written))).toEqual([[wanted]]));
  }
  test("what it takes back it takes back under both names", () => {
    expect(real(rule("permit", below("."), below("link", true)))).toEqual([
      [{ kind: "path-in", path: ws, negated: false }, below("link", true), below("real", true)],
    ]);
  });
});

describe("a forbid is for both names", () => {
  test("a link", () => {
    expect(real(rule("forbid", below("link")))).toEqual([[below("real")], [below("link")]]);
  });
  test("no link: once", () => {
    expect(real(rule("forbid", below("real")))).toEqual([[below("real")]]);
  });
  test("its exception is for the real name alone", () => {
    expect(real(rule("forbid", below("link", true)))).toEqual([[below("real", true)]]);
  });
});

describe("what exists and stays needs no other spelling", () => {
  const settled = (capability: Capability) =>
    realCapabilities([capability], realDisk()).settled.map((path) => path.slice(ws.length));
  test("the folder itself", () =>
    expect(settled(rule("forbid", below("real")))).toEqual(["/real"]));
  test("the folder above what is missing", () => {
    expect(settled(rule("forbid", below("link/absent/x")))).toEqual(["/real"]);
  });
  test("not a file that may be removed", () => {
    expect(settled(rule("forbid", below("real/file")))).toEqual(["/real"]);
  });
  test("a file that may not", () => {
    const forbid: Capability = { ...rule("forbid", below("real/file")), actions: ["FileDelete"] };
    expect(settled(forbid)).toEqual(["/real/file"]);
  });
  test("nothing a grant names", () => expect(settled(rule("permit", below("real")))).toEqual([]));
});
