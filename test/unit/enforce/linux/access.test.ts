import { expect, test } from "bun:test";
import { type AccessFrame, setIdRule, severalNamesRule } from "../../../../src/bridge/frame.ts";
import { refusalOf, rowMaker } from "../../../../src/enforce/linux/access.ts";
import { describeCall } from "../../../../src/enforce/linux/describe-call.ts";
import { syscallTable } from "../../../../src/enforce/linux/filter/syscall-table.ts";
import { packBox, unpackBox } from "../../../../src/enforce/linux/prepared.ts";

const plan = new Uint8Array([1, 2, 3, 4]);
const sources = [
  { rule: "ws:files", source: "template:workspace", line: 3, effect: "permit" },
  { rule: "git:hooks", source: "protected:git", line: 9, effect: "forbid" },
] as const;

const frame: AccessFrame = {
  kind: "access",
  tsUnixMs: 17,
  pid: 5,
  action: "FileWrite",
  allowed: false,
  rule: 1,
  syscall: 257,
  flags: 0o1101,
  path: "/ws/.git/hooks/x",
  requested: "hooks/x",
  exe: "/usr/bin/sh",
  port: undefined,
};

test("a kept box comes back as it was packed, and nothing else is taken for one", () => {
  const kept = unpackBox(
    packBox({ arch: "aarch64", sources, plan, mayShow: false, recordsReads: true }),
  );
  expect(kept.arch).toBe("aarch64");
  expect([...kept.plan]).toEqual([1, 2, 3, 4]);
  expect(kept.sources()).toEqual(sources);
  for (const bytes of [
    [],
    [1, 2, 3],
    [...packBox({ arch: "x86_64", sources, plan, mayShow: true, recordsReads: false })].slice(
      0,
      20,
    ),
  ]) {
    expect(() => unpackBox(new Uint8Array(bytes))).toThrow("not made by this backend");
  }
});

test("a denied access names its rule, the call and what was asked for", () => {
  const rows = rowMaker(
    unpackBox(packBox({ arch: "x86_64", sources, plan, mayShow: true, recordsReads: false })),
  );
  expect(rows(frame)).toEqual({
    tsUnixMs: 17,
    payload: {
      action: "FileWrite",
      path: "/ws/.git/hooks/x",
      requested: "hooks/x",
      decision: "deny",
      rule: "git:hooks",
      reason: "denied by git:hooks",
      pid: 5,
      exe: "/usr/bin/sh",
      flags: "openat O_WRONLY|O_CREAT|O_TRUNC",
      count: 1,
    },
  });
});

test("an access no rule speaks of, and one to an address", () => {
  const rows = rowMaker(
    unpackBox(packBox({ arch: "x86_64", sources, plan, mayShow: true, recordsReads: false })),
  );
  const unmatched = rows({ ...frame, rule: undefined, requested: undefined }).payload;
  expect(unmatched).toMatchObject({ rule: "", reason: "no permit matched" });
  expect("requested" in unmatched).toBe(false);
  const inside = rows({
    ...frame,
    allowed: true,
    rule: undefined,
    action: "NetConnect",
    path: "@x",
  });
  expect(inside.payload).toMatchObject({
    rule: "box:abstract",
    reason: "allowed by box:abstract: without a file it reaches sockets of the box alone",
  });
  const several = rows({ ...frame, rule: severalNamesRule }).payload;
  expect(several).toMatchObject({
    rule: "box:several-names",
    reason:
      "denied by box:several-names: it has other names (hard links), and one of them may be out of bounds",
  });
  expect(rows({ ...frame, rule: setIdRule }).payload).toMatchObject({
    rule: "box:set-id",
    reason:
      "denied by box:set-id: whoever runs a file with these bits has the rights of its owner or group",
  });
  const connect = rows({
    ...frame,
    action: "NetConnect",
    syscall: 42,
    flags: 0,
    path: "::1",
    port: 443,
  });
  expect(connect.payload).toMatchObject({ host: "::1", port: 443, flags: "connect" });
  // Nobody has to sort them then.
  for (const { payload } of [connect, rows({ ...frame, sha256: "ab" })]) {
    expect(Object.keys(payload)).toEqual(Object.keys(payload).toSorted());
  }
});

test("what one row says is not said of the next, however many calls there are to tell apart", () => {
  const box = unpackBox(
    packBox({ arch: "x86_64", sources, plan, mayShow: true, recordsReads: true }),
  );
  const kept = rowMaker(box);
  const others: readonly Partial<AccessFrame>[] = [
    {},
    { allowed: true },
    { rule: 0, allowed: true },
    { rule: 0 },
    { rule: undefined },
    { rule: undefined, allowed: true, action: "NetConnect", path: "@abstract" },
    { rule: undefined, allowed: true },
    { asked: "once", allowed: true },
    { asked: "no", rule: undefined },
    { rule: severalNamesRule },
    { rule: setIdRule },
    { syscall: 2, flags: 0 },
    { syscall: 87 },
    { flags: 0 },
    { port: 1, protocol: "tcp", action: "NetConnect" },
    { requested: undefined },
    { sha256: "ab" },
  ];
  const table = syscallTable("x86_64");
  for (let flags = 0; flags < 1100; flags += 1)
    expect(kept({ ...frame, flags }).payload.flags).toBe(describeCall(table, 257, flags));
  for (const other of [...others, ...others]) {
    const each = { ...frame, ...other };
    // One that has seen nothing before.
    const { payload } = rowMaker(box)(each);
    expect(kept(each).payload).toEqual(payload);
    expect(Object.keys(payload)).toEqual(Object.keys(payload).toSorted());
  }
});

test("calls are described by name and telling flags, on either architecture", () => {
  const rows = [
    ["x86_64", "open", 0, "open O_RDONLY"],
    ["x86_64", "openat", 0o2400002, "openat O_RDWR|O_NOFOLLOW"],
    ["x86_64", "openat", 0o20200002, "openat O_RDWR|O_DIRECTORY|O_TMPFILE"],
    ["aarch64", "openat", 0o40000, "openat O_RDONLY|O_DIRECTORY"],
    ["x86_64", "unlinkat", 0x200, "unlinkat AT_REMOVEDIR"],
    ["x86_64", "renameat2", 2, "renameat2 RENAME_EXCHANGE"],
    ["x86_64", "mkdir", 0o700, "mkdir"],
  ] as const;
  for (const [arch, name, flags, expected] of rows) {
    const table = syscallTable(arch);
    expect(describeCall(table, table.numbers.get(name) ?? -1, flags)).toBe(expected);
  }
  expect(describeCall(syscallTable("x86_64"), 9999, 0)).toBe("call 9999");
});

test("a refused call is told with what it was for, where a number tells, and with no address", () => {
  const { numbers } = syscallTable("x86_64");
  const told = (name: string, first: bigint, second = 0n) => {
    const syscall = numbers.get(name) ?? 0;
    const at = { kind: "refused", tsUnixMs: 17, pid: 5, exe: "/bin/sh", syscall } as const;
    return refusalOf({ ...at, arguments: [first, second] }, "x86_64").refused;
  };
  expect(told("unshare", 0x50000000n)).toEqual({
    argument: "CLONE_NEWUSER|CLONE_NEWNET",
    call: "unshare",
    decision: "deny",
    exe: "/bin/sh",
    pid: 5,
    reason: "denied by box:calls: no policy grants this call",
    rule: "box:calls",
    times: 1,
  });
  expect(told("ioctl", 0n, 0xffffffff00005412n).argument).toBe("0x5412");
  expect(told("ptrace", 16n).argument).toBe("0x10");
  expect(told("setns", 3n, 0n).argument).toBe("0x0");
  expect(told("mount", 0x7fffdeadbeefn)).not.toHaveProperty("argument");
});
