// Sockets with a path follow the file rules, abstract ones stay in the box, and datagrams, which
// choose a peer in every message, are refused wherever something is confined.

import { afterAll, expect } from "bun:test";
import { has } from "../../src/enforce/linux/features.ts";
import { probe, runBare, runBox, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { permit, under } from "../support/ir.ts";
import { type Outside, standOutside } from "../support/outside.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const outside: Outside = await standOutside();
afterAll(() => outside[Symbol.asyncDispose]());

const byPath = [`unix ${outside.folder}/stream`, `unix-packets ${outside.folder}/packets`];
const byName = [`unix @${outside.name}-stream`, `unix-packets @${outside.name}-packets`];
const datagrams = [
  `unix-datagram ${outside.folder}/datagram`,
  `unix-datagram @${outside.name}-datagram`,
];
const all = [...byPath, ...byName, ...datagrams];

for (const setting of settings()) {
  testWith(needs, `${setting.name}: the sockets outside can be reached without a box`, () => {
    expect(runBare(setting, all)).toEqual(all.map(() => "ok"));
  });

  testWith(needs, `${setting.name}: without a grant no socket outside is reached`, async () => {
    const { answers } = await runBox(setting, [permit("read", under(outside.folder))], all);
    const name = has(probe(setting), "net namespace") ? "ECONNREFUSED" : "EPERM";
    expect(answers).toEqual(["EACCES", "EACCES", name, name, "EACCES", "EACCES"]);
  });

  testWith(
    needs,
    `${setting.name}: with its folder writable a path socket is reached`,
    async () => {
      const grants = [permit("read change", under(outside.folder))];
      const { answers } = await runBox(setting, grants, byPath);
      expect(answers).toEqual(["ok", "ok"]);
    },
  );

  testWith(needs, `${setting.name}: with everything granted all of them are reached`, async () => {
    const { answers } = await runBox(setting, [permit("all"), permit("NetConnect NetBind")], all);
    expect(answers).toEqual(all.map(() => "ok"));
  });

  testWith(needs, `${setting.name}: a box serves itself, by path and by name`, async () => {
    const folder = testFolder(setting);
    const attempts = [
      `unix-self ${folder}/own`,
      `unix-self @${outside.name}-own`,
      `unix-bind ${folder}/second`,
      `unix-bind ${outside.folder}/third`,
      "socketpair 1",
      "socketpair 5",
      "socketpair 2",
    ];
    const grants = [permit("read change", under(folder)), permit("read", under(outside.folder))];
    const { answers } = await runBox(setting, grants, attempts);
    expect(answers).toEqual(["ok", "ok", "ok", "EACCES", "ok", "ok", "EACCES"]);
  });

  testWith(
    needs,
    `${setting.name}: where files are free and the network is not, names stay in`,
    async () => {
      const { answers } = await runBox(
        setting,
        [permit("all")],
        [...byPath, ...byName, ...datagrams],
      );
      const name = has(probe(setting), "net namespace") ? "ECONNREFUSED" : "EPERM";
      expect(answers).toEqual(["ok", "ok", name, name, "EACCES", "EACCES"]);
    },
  );
}
