// Which changes of the table of mounts a plan has to be made anew for.

import { expect, test } from "bun:test";
import type { Atom } from "../../../src/model/capability.ts";
import { isSeenAgain, sightOf } from "../../../src/policy/mount-sight.ts";
import { forbid, like, permit, under } from "../../support/ir.ts";

const line = (at: string, device: string, root: string, place: string) =>
  `${at} ${device} ${root} ${place} rw,relatime shared:1 - ext4 /dev/x rw`;
const whole = line("10 1", "8:1", "/", "/");
const home = line("11 10", "8:2", "/", "/home");
const bound = line("12 10", "8:2", "/me", "/srv/me");
const media = line("20 10", "8:9", "/", "/media/usb");
const space = line("21 10", "0:4", "net:[4026532000]", "/run/netns/box");

/** What is forbidden, the table when the plan is made, the one later, whether the plan holds. */
const rows: readonly [string, Atom, readonly string[], readonly string[], boolean][] = [
  ["nothing changed", under("/home/me/.ssh"), [whole, home], [whole, home], true],
  ["a disk was put in", under("/home/me/.ssh"), [whole, home], [whole, home, media], true],
  ["a disk was taken out", under("/home/me/.ssh"), [whole, media, home], [whole, home], true],
  ["a namespace was kept", under("/home/me/.ssh"), [whole, home], [whole, home, space], true],
  [
    "all was mounted anew, by other numbers",
    under("/home/me/.ssh"),
    [whole, home, bound],
    [line("30 1", "8:1", "/", "/"), line("32 30", "8:2", "/", "/home")].concat(
      line("31 30", "8:2", "/me", "/srv/me"),
    ),
    true,
  ],
  ["it is shown elsewhere", under("/home/me/.ssh"), [whole, home], [whole, home, bound], false],
  ["it is no longer", under("/home/me/.ssh"), [whole, home, bound], [whole, home], false],
  [
    "by a pattern in a folder, it is shown elsewhere",
    like("/home/me/*.pem"),
    [whole, home],
    [whole, home, bound],
    false,
  ],
  [
    "something lies over it",
    under("/home/me/.ssh"),
    [whole, home],
    [whole, home, line("40 11", "8:3", "/", "/home/me")],
    false,
  ],
  [
    "something is mounted in it",
    under("/home/me"),
    [whole, home],
    [whole, home, line("41 11", "8:9", "/", "/home/me/disk")],
    false,
  ],
  [
    "what was mounted in it is shown elsewhere",
    under("/media"),
    [whole, media],
    [whole, media, line("42 10", "8:9", "/", "/mnt")],
    false,
  ],
  [
    "what hid its other name is gone",
    under("/home/me/.ssh"),
    [whole, home, bound, line("43 10", "8:5", "/", "/srv")],
    [whole, home, bound],
    false,
  ],
  [
    "its other name is hidden by more than before",
    under("/home/me/.ssh"),
    [whole, home, bound],
    [whole, home, bound, line("44 12", "8:5", "/", "/srv/me/.ssh")],
    false,
  ],
];
for (const [name, where, before, after, holds] of rows)
  test(`a plan ${holds ? "holds" : "is made anew"} when ${name}`, () => {
    const real = (path: string) => path;
    const rules = [permit("all", under("/")), forbid("FileRead", where)];
    const sight = sightOf(rules, before.join("\n"), real);
    expect(isSeenAgain(sight, before.join("\n"))).toBe(true);
    expect(isSeenAgain(sight, after.join("\n"))).toBe(holds);
  });

test("permits see nothing: what is granted is found by its name at each launch", () => {
  const sight = sightOf([permit("all", under("/home/me"))], [whole, home].join("\n"), String);
  expect(isSeenAgain(sight, [whole, home, bound].join("\n"))).toBe(true);
});
