// What a rule forbids under one name of a folder is forbidden under the names other mounts give it.

import { expect, test } from "bun:test";
import type { Atom, Capability } from "../../../src/model/capability.ts";
import { parseMounts, withOtherMounts } from "../../../src/policy/other-mounts.ts";
import { forbid, permit, under } from "../../support/ir.ts";

/** @param at its own number and that of the mount it is mounted on */
const line = (at: string, device: string, root: string, place: string) =>
  `${at} ${device} ${root} ${place} rw,relatime shared:1 - ext4 /dev/x rw`;
const whole = line("10 1", "8:1", "/", "/");
const tables = {
  "a folder": [whole, line("11 10", "8:1", "/home/a", "/mnt/b")],
  "a tree of btrfs": [
    ...[line("10 1", "0:9", "/root", "/"), line("11 10", "0:9", "/home", "/home")],
    line("12 10", "0:9", "/", "/top"),
  ],
  "a folder below": [
    ...[whole, line("11 10", "8:2", "/", "/srv/data"), line("12 10", "8:2", "/x", "/x")],
  ],
  "with a blank": [whole, line("11 10", "8:1", "/home/a", "/mnt/with\\040blank")],
  "hidden by another": [
    ...[whole, line("11 10", "8:1", "/home/a", "/mnt/b"), line("12 10", "8:3", "/", "/mnt")],
  ],
  "over another": [
    ...[whole, line("11 10", "8:3", "/", "/mnt"), line("12 11", "8:1", "/home/a", "/mnt/b")],
    ...[line("13 12", "8:4", "/", "/mnt/b"), line("14 13", "8:1", "/home", "/mnt/b")],
  ],
} as const;

const equals = (path: string): Atom => ({ kind: "path-equals", path, negated: false });
const like = (...parts: string[]): Atom => ({ kind: "path-like", parts, negated: false });
const not = (atom: Atom): Atom => ({ ...atom, negated: true });
const wheres = (rules: readonly Capability[], table: readonly string[]) =>
  withOtherMounts({ version: 1, capabilities: rules }, parseMounts(table.join("\n")), (path) =>
    path.includes("missing") ? undefined : path,
  ).capabilities.map(({ where }) => where);

const rows: readonly [keyof typeof tables, readonly Atom[], readonly (readonly Atom[])[]][] = [
  ["a folder", [under("/home/a/secret")], [[under("/mnt/b/secret")]]],
  ["a folder", [under("/mnt/b/secret")], [[under("/home/a/secret")]]],
  ["a folder", [under("/home")], [[under("/mnt/b")]]],
  ["a folder", [equals("/home/a/missing/x")], [[equals("/mnt/b/missing/x")]]],
  ["a folder", [equals("/home")], []],
  ["a folder", [under("/home/other")], []],
  ["a folder", [like("/home/a/", ".pem")], [[like("/mnt/b/", ".pem")]]],
  ["a folder", [like("", ".pem")], []],
  [
    "a folder",
    [under("/home/a/in"), not(under("/home/a/in/out"))],
    [[under("/mnt/b/in"), not(under("/mnt/b/in/out"))]],
  ],
  ["a tree of btrfs", [under("/home/me/.ssh")], [[under("/top/home/me/.ssh")]]],
  ["a tree of btrfs", [equals("/etc/shadow")], [[equals("/top/root/etc/shadow")]]],
  ["a tree of btrfs", [under("/top/home/me")], [[under("/home/me")]]],
  ["a folder below", [under("/srv")], [[under("/x")]]],
  ["a folder below", [under("/srv/data/x/y")], [[under("/x/y")]]],
  ["with a blank", [under("/home/a/secret")], [[under("/mnt/with blank/secret")]]],
  ["hidden by another", [under("/home/a/secret")], []],
  ["over another", [under("/home/a/secret")], [[under("/mnt/b/a/secret")]]],
];
for (const [name, where, others] of rows)
  test(`mounted twice, ${name}: ${JSON.stringify(where)}`, () => {
    const rule = forbid("FileRead", ...where);
    expect(wheres([rule], tables[name])).toEqual([[...where], ...others.map((each) => [...each])]);
    expect(wheres([permit("FileRead", ...where)], tables[name])).toEqual([[...where]]);
  });

test("where everything is mounted once nothing is looked at", () => {
  const table = parseMounts([whole, line("11 10", "8:2", "/", "/srv")].join("\n"));
  const rules = { version: 1, capabilities: [forbid("FileRead", under("/srv/a"))] } as const;
  const looked = () => {
    throw new Error("nothing has another name here");
  };
  expect(withOtherMounts(rules, table, looked)).toEqual(rules);
});
