// The bytes of a plan, compared with a plan written down by hand after native/README.md.

import { describe, expect, test } from "bun:test";
import { AegisError } from "../../../src/base/errors.ts";
import { pathMaxBytes } from "../../../src/base/limits.ts";
import { appendCommand, encodeBox, encodePlan, showFile } from "../../../src/bridge/encode-plan.ts";
import type { NativePlan } from "../../../src/bridge/plan.ts";

const least: NativePlan = {
  namespaces: { user: false, mount: false, pid: false, net: false, ipc: false },
  mounts: [],
  landlock: undefined,
  seccomp: undefined,
  notify: undefined,
  rules: [],
  rlimits: [],
  umask: undefined,
  directory: "/",
  program: "/bin/true",
  argv: ["true"],
  environment: [],
};

const full: NativePlan = {
  ...least,
  namespaces: { user: true, mount: true, pid: true, net: true, ipc: true },
  rlimits: [{ resource: 7, soft: 1n, hard: 0xffffffffffffffffn }],
  umask: 0o27,
  mounts: [
    { kind: "read-only-root" },
    { kind: "writable", path: "/w", optional: true },
    { kind: "tmpfs", path: "/t", mode: 0o1777, sizeBytes: 4096n },
    { kind: "proc" },
  ],
  landlock: {
    handledFs: 0xffffn,
    handledNet: 3n,
    scoped: 1n,
    paths: [{ path: "/usr", access: 13n, optional: true }],
    ports: [{ port: 443, access: 2n }],
  },
  seccomp: Uint8Array.from([6, 0, 0, 0, 0, 0, 0xff, 0x7f]),
  notify: {
    recordAllowed: true,
    brokerCreate: false,
    brokerSocket: true,
    brokerOpen: false,
    brokerMessages: false,
    verifyPrograms: false,
  },
  rules: [
    {
      effect: "permit",
      actions: ["FileRead", "NetBind"],
      where: [
        { kind: "path-in", path: "/é", negated: true },
        { kind: "path-like", parts: ["/a", "", "b"], negated: false },
        { kind: "port", op: ">=", port: 1024, negated: false },
      ],
    },
  ],
};

/** Records as `kind flags: payload` in hexadecimal. */
function records(plan: Uint8Array): string[] {
  const view = new DataView(plan.buffer, plan.byteOffset, plan.byteLength);
  const found: string[] = [];
  for (let at = 16; at < plan.length; ) {
    const size = view.getUint32(at + 4, true);
    const payload = plan.subarray(at + 8, at + 8 + size);
    found.push(`${view.getUint16(at, true)} ${view.getUint16(at + 2, true)}: ${payload.toHex()}`);
    at += 8 + Math.ceil(size / 8) * 8;
  }
  return found;
}

test("the header counts bytes and records", () => {
  const plan = encodePlan(least);
  expect(plan.subarray(0, 16).toHex()).toBe(
    `4145475001000000${plan.length.toString(16).padStart(2, "0")}00000004000000`,
  );
  expect(plan.length % 8).toBe(0);
});

test("the least plan has the namespaces and the command", () => {
  expect(records(encodePlan(least))).toEqual([
    "1 0: 00000000",
    "11 0: 01002f",
    "12 0: 09002f62696e2f74727565",
    "13 0: 74727565",
  ]);
});

test("every part of a plan has its record, in order", () => {
  expect(records(encodeBox(full))).toEqual([
    "1 0: 00000278",
    "2 0: 07000000000000000100000000000000ffffffffffffffff",
    "3 0: 17000000",
    "4 0: 010000000000000000000000000000000000",
    "4 1: 02000000000000000000000000000000" + "02002f77",
    "4 0: 0600ff03000000000010000000000000" + "02002f74",
    "4 0: 070000000000000000000000000000000000",
    "5 0: ffff00000000000003000000000000000100000000000000",
    "6 1: 0d00000000000000" + "04002f757372",
    "7 0: 0200000000000000bb01",
    "8 0: 060000000000ff7f",
    "9 0: 05000000",
    "10 0: 81000103" + "010103002fc3a9" + "030005002f61000062" + "06000400040000" + "04",
  ]);
});

test("a gateway comes behind the command", () => {
  const gateway = { port: 40000, resolverPort: 5353, token: new Uint8Array(32).fill(7) };
  expect(records(encodePlan({ ...least, gateway })).slice(4)).toEqual([
    `15 0: 409ce91400000000${"07".repeat(32)}`,
  ]);
});

test("a permit inside has its own effect", () => {
  const rules = [{ effect: "permit-inside", actions: ["NetBind"], where: [] }] as const;
  expect(records(encodeBox({ ...least, rules })).slice(1)).toEqual(["10 0: 80000200"]);
});

test("a box and a command put together are the whole plan", () => {
  expect(appendCommand(encodeBox(full), full)).toEqual(encodePlan(full));
  const kept = encodeBox(full);
  const before = kept.slice();
  appendCommand(kept, { ...full, argv: ["other", "words"] });
  expect(kept).toEqual(before);
});

describe("what does not fit is refused by name", () => {
  const deep = `/${"d".repeat(pathMaxBytes)}`;
  const rows: [name: string, plan: Partial<NativePlan>, message: string][] = [
    ["a relative directory", { directory: "work" }, 'The path "work" is not absolute'],
    ["a long path", { directory: deep }, `The path "${deep}" is longer than 4095 bytes`],
    ["a NUL in a path", { program: "/a\0b" }, 'The path "/a\0b" holds a NUL'],
    ["a long argument", { argv: ["x".repeat(131_072)] }, "An argument is longer than 131071 bytes"],
    [
      "a long variable, without its value",
      { environment: [`SECRET=${"x".repeat(131_072)}`] },
      'The environment variable "SECRET" is longer than 131071 bytes',
    ],
    ["many arguments", { argv: Array(262_145).fill("x") }, "262145 arguments, at most 262144 fit"],
    ["half an instruction", { seccomp: new Uint8Array(4) }, "0.5 seccomp instructions"],
    ["no instruction", { seccomp: new Uint8Array(0) }, "0 seccomp instructions"],
    ["many bytes", { argv: Array(80).fill("x".repeat(120_000)) }, "bytes, at most 8388608 fit"],
    [
      "many rules",
      { rules: Array(8193).fill({ effect: "permit", actions: ["FileRead"], where: [] }) },
      "8193 rules, at most 8192 fit",
    ],
    [
      "a NUL in a pattern",
      {
        rules: [
          {
            effect: "permit",
            actions: ["FileRead"],
            where: [{ kind: "path-like", parts: ["a\0b"], negated: false }],
          },
        ],
      },
      "A pattern holds a NUL or nothing at all",
    ],
  ];
  for (const [name, change, message] of rows) {
    test(name, () => {
      const encode = () => encodePlan({ ...least, ...change });
      expect(encode).toThrow(AegisError);
      expect(encode).toThrow(message);
    });
  }

  test("the largest of each fits", () => {
    const environment = [`A=${"x".repeat(131_069)}`];
    const directory = `/${"d".repeat(pathMaxBytes - 2)}`;
    const argv = Array<string>(262_144).fill("x");
    expect(() => encodePlan({ ...least, environment, directory, argv })).not.toThrow();
  });
});

test("each notify bit has its number", () => {
  const none = {
    recordAllowed: false,
    brokerCreate: false,
    brokerSocket: false,
    brokerOpen: false,
    brokerMessages: false,
    verifyPrograms: false,
  };
  const names = [
    "recordAllowed",
    "brokerCreate",
    "brokerSocket",
    "brokerOpen",
    "brokerMessages",
    "verifyPrograms",
  ] as const;
  const bits = names.map((name) => {
    const notify = { ...none, [name]: true };
    return records(encodePlan({ ...least, notify })).find((record) => record.startsWith("9 "));
  });
  expect(bits).toEqual([
    "9 0: 01000000",
    "9 0: 02000000",
    "9 0: 04000000",
    "9 0: 08000000",
    "9 0: 10000000",
    "9 0: 40000000",
  ]);
});

describe("a file shown to one launch", () => {
  test("has a mount, a Landlock rule and a rule for the judge, each last of its kind", () => {
    const { box, rule } = showFile(encodeBox(full), "/f", 4n);
    const added = [
      "4 0: 08000000000000000000000000000000" + "02002f66",
      "6 0: 0400000000000000" + "02002f66",
      "10 0: 01000101" + "020002002f66",
    ];
    const before = records(encodeBox(full));
    const after = records(box);
    expect(rule).toBe(1);
    expect(after.filter((record) => !before.includes(record))).toEqual(added);
    expect(after.filter((record) => before.includes(record))).toEqual(before);
    const kinds = after.map((record) => Number.parseInt(record, 10));
    expect(kinds).toEqual(kinds.toSorted((a, b) => a - b));
    expect(new DataView(box.buffer, box.byteOffset).getUint32(12, true)).toBe(after.length);
  });

  test("is a rule alone where the box has neither mounts nor Landlock", () => {
    const { box, rule } = showFile(encodeBox(least), "/f", 4n);
    expect([rule, records(box)]).toEqual([0, ["1 0: 00000000", "10 0: 01000101020002002f66"]]);
  });
});
