import { expect, test } from "bun:test";
import {
  fsRight,
  handledFs,
  landlockPaths,
  landlockPorts,
  netRight,
  scopes,
} from "../../../../src/enforce/linux/landlock.ts";
import { regionsOf } from "../../../../src/enforce/linux/paths/grants.ts";
import { allPorts } from "../../../../src/enforce/linux/ports.ts";
import type { Capability } from "../../../../src/model/capability.ts";
import { disk, exactly, like, permit, under } from "../../../support/ir.ts";

const world = disk("/d/sub/f", "/d/f", "/dev/null!", "/dev/pts/", "/l -> d/sub", "/proc/1/status");

function rights(...names: readonly (keyof typeof fsRight)[]): bigint {
  return names.reduce((all, name) => all | fsRight[name], 0n);
}

function lowered(...permits: readonly Capability[]) {
  const { grants, findings } = regionsOf(permits, world);
  const result = landlockPaths(grants, world, 7);
  return {
    paths: Object.fromEntries(result.paths.map(({ path, access }) => [path, access])),
    findings: [...findings, ...result.findings].map(({ message }) => message),
  };
}

const made = rights("makeReg", "makeSym", "makeFifo", "makeSock");
const written = rights("writeFile", "truncate");

test("each action on a folder is its rights on that folder", () => {
  const rows = [
    ["FileRead", rights("readFile")],
    ["FileWrite", written | made],
    ["FileDelete", rights("removeFile", "removeDir")],
    ["DirCreate", rights("makeDir")],
    ["DirList", rights("readDir")],
    ["ProcessSpawn", rights("execute")],
    ["FileWrite FileDelete", written | made | rights("removeFile", "removeDir", "refer")],
  ] as const;
  for (const [actions, expected] of rows) {
    expect([actions, lowered(permit(actions, under("/d")))]).toEqual([
      actions,
      { paths: { "/d": expected }, findings: [] },
    ]);
  }
});

test("each action on a file is what a file can have of it", () => {
  const rows = [
    ["FileRead", exactly("/d/f"), { "/d/f": rights("readFile") }],
    ["FileWrite", exactly("/d/f"), { "/d/f": written }],
    ["FileWrite", under("/d/f"), { "/d/f": written }],
    ["ProcessSpawn", exactly("/d/f"), { "/d/f": rights("execute") }],
    ["DirList", exactly("/d/f"), {}],
    ["DirCreate", exactly("/d/f"), {}],
    ["FileDelete", under("/d/f"), {}],
    ["FileRead", like("/d/f/*"), {}],
  ] as const;
  for (const [action, where, paths] of rows) {
    expect([action, where, lowered(permit(action, where))]).toEqual([
      action,
      where,
      { paths, findings: [] },
    ]);
  }
});

test("devices that may be written may be controlled", () => {
  expect(lowered(permit("FileWrite", exactly("/dev/null"))).paths).toEqual({
    "/dev/null": written | rights("ioctlDev"),
  });
  expect(lowered(permit("FileRead", exactly("/dev/null"))).paths).toEqual({
    "/dev/null": rights("readFile"),
  });
  expect(lowered(permit("FileWrite", under("/dev/pts"))).paths["/dev/pts"]).toBe(
    written | made | rights("ioctlDev"),
  );
});

test("a link is granted as what it leads to", () => {
  expect(lowered(permit("FileRead", under("/l"))).paths).toEqual({
    "/d/sub": rights("readFile"),
  });
});

test("what does not exist is granted nothing and refused nothing", () => {
  expect(lowered(permit("all", under("/nowhere")))).toEqual({ paths: {}, findings: [] });
});

test("a strict descendant pattern is exact where the right is about what a folder holds", () => {
  for (const action of ["FileRead", "FileWrite", "FileDelete", "DirCreate", "ProcessSpawn"]) {
    const { paths, findings } = lowered(permit(action, like("/d/*")));
    expect([action, Object.keys(paths), findings]).toEqual([action, ["/d"], []]);
  }
});

test("a rule that would grant more than its permit is refused, unless the rest is granted too", () => {
  const rows = [
    ["DirList", like("/d/*"), 'listing "/d" itself'],
    ["DirList", exactly("/d"), "every directory below"],
    ["FileDelete", exactly("/d/f"), "belongs to the folder"],
    ["FileDelete", exactly("/d/sub"), "belongs to the folder"],
    ["DirCreate", exactly("/d/new"), "belongs to its parent"],
  ] as const;
  for (const [action, where, why] of rows) {
    const { findings } = lowered(permit(action, where));
    expect([action, where, findings.length]).toEqual([action, where, 1]);
    expect(findings[0]).toContain(why);
    const twin = lowered(permit(action, where), permit(action, under("/d")));
    expect([action, where, twin.findings]).toEqual([action, where, []]);
  }
});

test("two permits that are each too wide do not excuse each other", () => {
  const twice = lowered(permit("DirList", like("/d/*")), permit("DirList", like("/d/*")));
  expect(twice.findings).toHaveLength(2);
});

test("/proc/self is refused: a rule on it would be about one process", () => {
  const self = disk("/proc/self/status");
  const { grants } = regionsOf([permit("FileRead", under("/proc/self"))], self);
  expect(landlockPaths(grants, self, 7).findings[0]?.message).toContain("each process");
  const both = regionsOf(
    [permit("FileRead", exactly("/proc/self/status")), permit("FileRead", under("/proc"))],
    self,
  );
  expect(landlockPaths(both.grants, self, 7).findings).toEqual([]);
});

test("rules below a rule that gives as much are left out", () => {
  const { paths } = lowered(
    permit("read", under("/d")),
    permit("FileRead", under("/d/sub")),
    permit("FileWrite", exactly("/d/f")),
  );
  expect(paths).toEqual({ "/d": rights("readFile", "readDir"), "/d/f": written });
});

test("an ABI handles every right it knows and none it does not", () => {
  const rows = [
    [1, (1n << 13n) - 1n],
    [2, (1n << 14n) - 1n],
    [3, (1n << 15n) - 1n],
    [4, (1n << 15n) - 1n],
    [5, (1n << 16n) - 1n],
    [8, (1n << 16n) - 1n],
    [9, (1n << 17n) - 1n],
    [10, (1n << 17n) - 1n],
  ] as const;
  for (const [abi, handled] of rows) expect([abi, handledFs(abi)]).toEqual([abi, handled]);
  expect([scopes(5), scopes(6)]).toEqual([0n, 3n]);
  const { grants } = regionsOf([permit("FileWrite", under("/d"))], world);
  expect(landlockPaths(grants, world, 1).paths[0]?.access).toBe(rights("writeFile") | made);
  expect(landlockPaths(grants, world, 9).paths[0]?.access).toBe(
    written | made | rights("resolveUnix"),
  );
});

test("ports become rules, all of them become nothing to handle, none becomes a refusal", () => {
  const { bindTcp, connectTcp, bindUdp, connectSendUdp } = netRight;
  expect(
    landlockPorts({ connect: [[443, 443]], bind: [[8080, 8081]], datagrams: false }, 7),
  ).toEqual({
    handled: bindTcp | connectTcp,
    ports: [
      { port: 8080, access: bindTcp },
      { port: 8081, access: bindTcp },
      { port: 443, access: connectTcp },
    ],
  });
  expect(landlockPorts({ connect: [], bind: [], datagrams: false }, 10)).toEqual({
    handled: bindTcp | connectTcp | bindUdp | connectSendUdp,
    ports: [],
  });
  expect(landlockPorts({ connect: allPorts, bind: [], datagrams: true }, 10)).toEqual({
    handled: bindTcp,
    ports: [],
  });
  expect(landlockPorts({ connect: [], bind: [], datagrams: false }, 3)).toEqual({
    handled: 0n,
    ports: [],
  });
  expect(landlockPorts({ connect: [[1024, 65535]], bind: [], datagrams: false }, 7)).toEqual({
    handled: bindTcp,
    ports: [],
  });
});
