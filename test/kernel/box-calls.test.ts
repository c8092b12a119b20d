// System calls that lead out of a box, each refused inside; where it proves something, the same
// attempt outside succeeds or fails for another reason than permission.

import { expect } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { runBare, runBox, type Setting, settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { permit, under } from "../support/ir.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const isX86 = process.arch === "x64";
const call = (x86: number, arm: number) => `syscall ${isX86 ? x86 : arm}`;

interface Row {
  readonly name: string;
  readonly attempt: string;
  readonly inside: string;
  /**
   * What it is answered without a box; undefined: the same for want of a privilege or a feature.
   */
  readonly outside?: string;
}

/** The same for whoever tries. Arguments are invalid where success would do something. */
const rows: readonly Row[] = [
  { name: "a user namespace", attempt: "unshare 10000000", inside: "EPERM" },
  { name: "a network namespace", attempt: "unshare 50000000", inside: "EPERM" },
  { name: "a time namespace", attempt: "unshare 80", inside: "EPERM" },
  { name: "unsharing what is no namespace", attempt: "unshare 400", inside: "ok", outside: "ok" },
  { name: "a user namespace by clone", attempt: "clone 10000000", inside: "EPERM" },
  { name: "a process by clone", attempt: "clone 0", inside: "ok", outside: "ok" },
  { name: "a process by fork", attempt: "fork", inside: "ok", outside: "ok" },
  { name: "clone3", attempt: "clone3", inside: "ENOSYS" },
  { name: "tracing a child", attempt: "ptrace", inside: "EPERM", outside: "ok" },
  { name: "being traced", attempt: "traceme", inside: "EPERM", outside: "ok" },
  { name: "reading memory", attempt: "vm-read", inside: "EPERM", outside: "ok" },
  { name: "taking descriptors", attempt: "pidfd-getfd", inside: "EPERM", outside: "ok" },
  { name: "setting a personality", attempt: "personality 40000", inside: "EPERM", outside: "ok" },
  { name: "asking the personality", attempt: "personality ffffffff", inside: "ok", outside: "ok" },
  { name: "typing into a terminal", attempt: "type", inside: "EPERM", outside: "ENOTTY" },
  { name: "typing with high bits", attempt: "type-high", inside: "EPERM", outside: "ENOTTY" },
  { name: "the console's own calls", attempt: "console", inside: "EPERM", outside: "ENOTTY" },
  { name: "becoming unreadable", attempt: "prctl 4 0", inside: "EPERM", outside: "ok" },
  { name: "staying readable", attempt: "prctl 4 1", inside: "ok", outside: "ok" },
  { name: "another program's name", attempt: "prctl 35 0", inside: "EPERM" },
  { name: "a name for the thread", attempt: "prctl 15 0x400000", inside: "ok", outside: "ok" },
  { name: "a listener of its own", attempt: "second-listener", inside: "EBUSY" },
  // Reads a keyring's id: KEYCTL_GET_KEYRING_ID of the process keyring, not made when absent.
  { name: "keyrings", attempt: `${call(250, 219)} 0 -3`, inside: "EPERM" },
  { name: "a key", attempt: call(248, 217), inside: "EPERM", outside: "EFAULT" },
  { name: "eBPF", attempt: `${call(321, 280)} 99`, inside: "EPERM" },
  { name: "performance events", attempt: call(298, 241), inside: "EPERM", outside: "EFAULT" },
  {
    name: "page faults in user space",
    attempt: `${call(323, 282)} 1`,
    inside: "EPERM",
    outside: "ok",
  },
  { name: "a ring", attempt: `${call(425, 425)} 0`, inside: "EPERM", outside: "EFAULT" },
  { name: "entering a ring", attempt: `${call(426, 426)} -1`, inside: "EPERM", outside: "EBADF" },
  {
    name: "a handle of a file",
    attempt: `${call(303, 264)} -1`,
    inside: "EPERM",
    outside: "EFAULT",
  },
  { name: "watching a file system", attempt: `${call(300, 262)} -1`, inside: "EPERM" },
  {
    name: "copying a mount",
    attempt: `${call(428, 428)} -1 0 0xffff`,
    inside: "EPERM",
  },
  { name: "moving a mount", attempt: `${call(429, 429)} -1`, inside: "EPERM" },
  { name: "a file system", attempt: call(430, 430), inside: "EPERM" },
  { name: "changing a mount", attempt: `${call(442, 442)} -1 0 0xffff`, inside: "EPERM" },
  { name: "another root", attempt: call(161, 51), inside: "EPERM" },
  {
    name: "joining a namespace",
    attempt: `${call(308, 268)} -1`,
    inside: "EPERM",
    outside: "EBADF",
  },
  {
    name: "comparing processes",
    attempt: `${call(312, 272)} 0x7fffffff`,
    inside: "EPERM",
    outside: "ESRCH",
  },
  {
    name: "advising processes",
    attempt: `${call(440, 440)} -1`,
    inside: "EPERM",
    outside: "EBADF",
  },
  { name: "memory nobody can read", attempt: `${call(447, 447)} -1`, inside: "EPERM" },
  { name: "moving pages", attempt: `${call(279, 239)} 0x7fffffff`, inside: "EPERM" },
  { name: "binding memory", attempt: `${call(237, 235)} 1`, inside: "EPERM" },
  {
    name: "lending pages to a pipe",
    attempt: `${call(278, 75)} -1`,
    inside: "EPERM",
    outside: "EBADF",
  },
  { name: "the clock", attempt: call(164, 170), inside: "EPERM" },
  { name: "the kernel's log", attempt: `${call(103, 116)} 99`, inside: "EPERM" },
  { name: "a call from the future", attempt: "syscall 1000", inside: "ENOSYS", outside: "ENOSYS" },
  { name: "attributes by a newer call", attempt: `syscall 463 -1`, inside: "ENOSYS" },
];
const x86Rows: readonly Row[] = [
  { name: "the x32 interface", attempt: "x32", inside: "SIGSYS" },
  { name: "the i386 interface", attempt: "i386", inside: "SIGSYS" },
];
const tried = isX86 ? [...rows, ...x86Rows] : rows;

for (const setting of settings()) {
  testWith(needs, `${setting.name}: calls that lead out are refused`, async () => {
    const { answers } = await runBox(
      setting,
      [],
      tried.map(({ attempt }) => attempt),
    );
    expect(tried.map(({ name }, index) => [name, answers[index]])).toEqual(
      tried.map(({ name, inside }) => [name, inside]),
    );
  });

  testWith(needs, `${setting.name}: outside they are not, or not for that reason`, () => {
    const proven = tried.filter(({ outside }) => outside !== undefined);
    const answers = runBare(
      setting,
      proven.map(({ attempt }) => attempt),
    );
    expect(proven.map(({ name }, index) => [name, answers[index]])).toEqual(
      proven.map(({ name, outside }) => [name, outside ?? ""]),
    );
  });

  testWith(needs, `${setting.name}: they are refused whatever the policy grants`, async () => {
    const everything = [permit("all"), permit("NetConnect NetBind")];
    const { answers } = await runBox(
      setting,
      everything,
      tried.map(({ attempt }) => attempt),
    );
    expect(tried.map(({ name }, index) => [name, answers[index]])).toEqual(
      tried.map(({ name, inside }) => [name, inside]),
    );
  });

  testWith(needs, `${setting.name}: watching alone refuses next to nothing`, async () => {
    const attempts = [
      "ptrace",
      "traceme",
      "vm-read",
      "personality 40000",
      "prctl 4 0",
      "clone3",
      "type",
    ];
    const options = { observeOnly: true };
    const { answers, accesses } = await runBox(
      setting,
      [],
      ["read /etc/passwd", ...attempts],
      options,
    );
    expect(answers).toEqual(["ok", ...runBare(setting, attempts)]);
    expect(accesses.some(({ path, allowed }) => path === "/etc/passwd" && allowed)).toBe(true);
  });

  testWith(needs, `${setting.name}: processes outside cannot be signalled`, async () => {
    const { answers } = await runBox(setting, [], [`kill ${process.pid}`, "kill 1"]);
    const isHidden = !setting.name.includes("no namespaces");
    expect(answers[0]).toBe(isHidden ? "ESRCH" : "EPERM");
  });

  testWith(needs, `${setting.name}: no group outside gets another priority`, async () => {
    const priority = call(141, 140);
    const ioPriority = call(251, 30);
    const own = [`${priority} 0 0`, `${ioPriority} 1 0`];
    const users = [`${priority} 2 0`, `${ioPriority} 3 0`];
    const groups = [`${priority} 1 0`, `${ioPriority} 2 0`];
    const { answers } = await runBox(setting, [], [...own, ...groups, ...users]);
    expect(answers.slice(0, 4)).toEqual(["ok", "ok", "EPERM", "EPERM"]);
    // A user has the processes of the pid namespace there, a group has those outside as well.
    const isShared = !hasNamespaces(setting);
    expect(answers.slice(4).map((answer) => answer === "EPERM")).toEqual([isShared, isShared]);
    // The group of a plain user's tests has processes of another user, whose priority nobody sets.
    if (!setting.isPlain) expect(runBare(setting, groups)).toEqual(["ok", "ok"]);
  });

  testWith(needs, `${setting.name}: no capability is left`, async () => {
    expect((await runBox(setting, [], ["capability"])).answers).toEqual(["EPERM"]);
  });

  testWith(needs, `${setting.name}: the supervisor's own files in /proc are closed`, async () => {
    const attempts = [
      "read /proc/1/environ",
      "read /proc/1/mem",
      "readlink /proc/1/exe",
      "list /proc/1/root/",
    ];
    const { answers } = await runBox(setting, [], attempts);
    expect(answers.filter((answer) => answer !== "EACCES" && answer !== "EPERM")).toEqual([]);
  });
}

for (const setting of settings().filter(hasNamespaces)) {
  testWith([...needs, "userns"], `${setting.name}: shared memory is the box's own`, async () => {
    const path = `/dev/shm/aegis-private-${process.pid}`;
    const attempts = [`create ${path}`, `write ${path}`];
    const named = permit("read change", under("/dev/shm"));
    const ofProfile = { ...named, origin: { ...named.origin, source: "profile:base" } };
    const own = await runBox(setting, [ofProfile], attempts);
    expect(own.answers).toEqual(["ok", "ok"]);
    expect(existsSync(path)).toBe(false);
    // Who names it means the machine's.
    const ofMachine = await runBox(setting, [named], attempts);
    const isThere = existsSync(path);
    rmSync(path, { force: true });
    expect([ofMachine.answers, isThere]).toEqual([["ok", "ok"], true]);
  });

  testWith(
    [...needs, "userns"],
    `${setting.name}: /proc shows the processes of the box alone`,
    async () => {
      const attempts = [`stat /proc/${process.pid}`, "stat /proc/1", "stat /proc/self"];
      const { answers } = await runBox(setting, [], attempts);
      expect(answers).toEqual(["ENOENT", "ok", "ok"]);
    },
  );
}

function hasNamespaces({ name }: Setting): boolean {
  return !name.includes("no namespaces");
}
