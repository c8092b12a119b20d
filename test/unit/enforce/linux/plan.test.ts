import { expect, test } from "bun:test";
import { gapsOf, refuseIfBelow } from "../../../../src/enforce/coverage.ts";
import type { HostFeatures } from "../../../../src/enforce/linux/features.ts";
import { syscallTable } from "../../../../src/enforce/linux/filter/syscall-table.ts";
import { type LinuxPlan, planLinux } from "../../../../src/enforce/linux/plan.ts";
import type { Capability } from "../../../../src/model/capability.ts";
import { runBpf } from "../../../support/bpf-interpreter.ts";
import { answers } from "../../../support/expected-answer.ts";
import {
  disk,
  forbid,
  host,
  namespaces,
  permit,
  port,
  request,
  under,
} from "../../../support/ir.ts";

const world = disk("/usr/bin/env", "/ws/.git/hooks/x", "/ws/a", "/home/u/.aegis/ledger.db");
const system = permit("read ProcessSpawn", under("/usr"));
const workspace = [system, permit("all", under("/ws")), forbid("change", under("/ws/.git/hooks"))];
const everything = [permit("all"), permit("NetConnect NetBind")];

function plan(
  capabilities: readonly Capability[],
  on: HostFeatures = host(),
  options: Parameters<typeof request>[1] = {},
): LinuxPlan {
  const result = planLinux(request(capabilities, options), on, world);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function row(planned: LinuxPlan, protection: string) {
  return planned.coverage.find((row) => row.protection === protection);
}

function level(planned: LinuxPlan, protection: string): string {
  return row(planned, protection)?.level ?? "no such row";
}

function answerTo(planned: LinuxPlan, name: string, ...args: readonly number[]): number {
  const nr = syscallTable("x86_64").numbers.get(name);
  const { seccomp } = planned.plan;
  if (nr === undefined || seccomp === undefined) throw new Error(`no filter or no call ${name}`);
  return runBpf(seccomp, { nr, arch: 0xc000003e, args: args.map(BigInt) }).action;
}

test("with namespaces everything a workspace policy asks for is enforced", () => {
  const planned = plan(workspace);
  expect(planned.plan.namespaces).toEqual({
    user: true,
    mount: true,
    pid: true,
    net: true,
    ipc: true,
  });
  expect(planned.plan.mounts).toEqual([
    { kind: "read-only-root" },
    { kind: "writable", path: "/ws", optional: false },
    { kind: "proc" },
    { kind: "read-only", path: "/ws/.git/hooks", optional: false },
  ]);
  expect(planned.coverage.filter((row) => row.level !== "enforced")).toEqual([
    {
      protection: "deny-inside-allow",
      level: "not-asked",
      by: "",
      why: "no forbid lies inside a grant",
    },
    {
      protection: "exec-inside-allow",
      level: "not-asked",
      by: "",
      why: "no program is forbidden inside a folder of programs",
    },
    {
      protection: "temporary-files",
      level: "not-asked",
      by: "",
      why: "the policy grants no place for temporary files",
    },
  ]);
  expect(() => refuseIfBelow(planned.coverage, false)).not.toThrow();
});

test("root makes namespaces without a user namespace", () => {
  expect(plan(workspace, host({ isRoot: true })).plan.namespaces.user).toBe(false);
});

test("without namespaces the broker holds a hole in a grant, whatever is recorded", () => {
  for (const audit of ["full", "writes", "off"] as const) {
    const planned = plan(workspace, host({ without: namespaces }), { audit });
    expect(planned.plan.namespaces).toEqual({
      user: false,
      mount: false,
      pid: false,
      net: false,
      ipc: false,
    });
    expect(planned.plan.mounts).toEqual([]);
    expect(gapsOf(planned.coverage)).toEqual([]);
    expect(row(planned, "protected-names")).toMatchObject({ level: "enforced", by: "broker" });
    expect(planned.plan.notify).toMatchObject({ brokerCreate: true, brokerOpen: true });
    for (const call of ["openat", "unlink", "mkdir", "chmod", "fchmod", "execve"]) {
      expect([call, answerTo(planned, call, 0, 0, 0)]).toEqual([call, answers.notify]);
    }
  }
});

test("without namespaces and listener a hole is refused by name, or accepted as lost", () => {
  const planned = plan(workspace, host({ without: [...namespaces, "notify"] }), { audit: "off" });
  expect(gapsOf(planned.coverage).map(({ protection }) => protection)).toContain("protected-names");
  expect(() => refuseIfBelow(planned.coverage, false)).toThrow(
    /protected-names.*\/ws\/\.git\/hooks/,
  );
  expect(() => refuseIfBelow(planned.coverage, true)).not.toThrow();
});

test("without namespaces and without holes nothing is refused", () => {
  const planned = plan(workspace.slice(0, 2), host({ without: namespaces }));
  expect(gapsOf(planned.coverage)).toEqual([]);
  expect(level(planned, "network")).toBe("enforced");
  // Refused by the supervisor, which records it.
  expect(answerTo(planned, "socket", 2, 1, 0)).toBe(answers.notify);
  const mute = plan(workspace.slice(0, 2), host({ without: namespaces }), { audit: "off" });
  expect(answerTo(mute, "socket", 2, 1, 0)).toBe(answers.eacces);
  expect(answerTo(plan(workspace), "socket", 2, 1, 0)).toBe(answers.allow);
});

test("without Landlock files are not confined, and that is a refusal", () => {
  const planned = plan(workspace, host({ without: ["landlock"] }));
  expect(planned.plan.landlock).toBeUndefined();
  expect(gapsOf(planned.coverage).map(({ protection, level }) => [protection, level])).toEqual([
    ["filesystem", "weaker"],
    ["exec", "weaker"],
  ]);
});

test("without a listener nothing is recorded and no new name is guarded, and that is a refusal", () => {
  const planned = plan(workspace, host({ without: ["notify"] }));
  expect(planned.plan.notify).toBeUndefined();
  expect(answerTo(planned, "openat", 0, 0, 0)).toBe(answers.allow);
  expect(gapsOf(planned.coverage).map((row) => row.protection)).toEqual([
    "protected-names",
    "unix-sockets",
    "audit",
  ]);
});

test("old kernels: what is missing is said with the kernel that has it", () => {
  const old = plan(workspace.slice(0, 2), host({ without: namespaces, landlockAbi: 2 }), {
    audit: "off",
  });
  expect(old.coverage.find((row) => row.protection === "filesystem")).toMatchObject({
    level: "weaker",
    why: expect.stringContaining("Linux 6.2"),
  });
  expect(level(plan(workspace, host({ landlockAbi: 2 })), "filesystem")).toBe("enforced");
  expect(level(old, "signals")).toBe("absent");
  expect(level(plan(workspace, host({ landlockAbi: 2 })), "signals")).toBe("enforced");
});

test("the audit level decides what the supervisor hears of", () => {
  const rows = [
    [
      "full",
      { openat: "notify", unlink: "notify", execve: "notify", connect: "notify", ptrace: "notify" },
    ],
    [
      "writes",
      { openat: "allow", unlink: "notify", execve: "notify", connect: "notify", ptrace: "notify" },
    ],
    [
      "off",
      { openat: "allow", unlink: "allow", execve: "allow", connect: "notify", ptrace: "eperm" },
    ],
  ] as const;
  for (const [audit, calls] of rows) {
    const planned = plan(workspace, host(), { audit });
    for (const [name, expected] of Object.entries(calls)) {
      expect([audit, name, answerTo(planned, name)]).toEqual([audit, name, answers[expected]]);
    }
    expect(planned.plan.notify).toEqual({
      recordAllowed: audit !== "off",
      brokerCreate: true,
      brokerSocket: true,
      brokerOpen: false,
      brokerMessages: false,
      verifyPrograms: false,
      ...(audit === "off" ? {} : { tellsRefused: true }),
      tellsUmasks: true,
      tellsFolders: true,
    });
    expect(answerTo(planned, "umask")).toBe(answers.notify);
    expect(answerTo(planned, "chdir")).toBe(answers.notify);
    expect(answerTo(planned, "mkdir")).toBe(answers.notify);
  }
  const creates = 0o101;
  expect(answerTo(plan(workspace, host(), { audit: "off" }), "openat", 0, 0, creates)).toBe(
    answers.notify,
  );
  const unguarded = plan(workspace.slice(0, 2), host(), { audit: "off" });
  expect(answerTo(unguarded, "openat", 0, 0, creates)).toBe(answers.allow);
  expect(answerTo(unguarded, "umask")).toBe(answers.allow);
  expect(answerTo(unguarded, "fchdir")).toBe(answers.allow);
});

test("ports: the host's network, judged by Landlock, the filter and the supervisor", () => {
  const planned = plan([
    ...workspace,
    permit("NetConnect", port(443)),
    permit("NetBind", port(8080)),
  ]);
  expect(planned.plan.namespaces.net).toBe(false);
  expect(planned.plan.landlock?.handledNet).toBe(3n);
  expect(planned.plan.landlock?.ports).toEqual([
    { port: 8080, access: 1n },
    { port: 443, access: 2n },
  ]);
  expect(level(planned, "network")).toBe("enforced");
  expect(answerTo(planned, "socket", 2, 1, 0)).toBe(answers.allow);
  expect(answerTo(planned, "socket", 2, 2, 0)).toBe(answers.notify);
  expect(answerTo(planned, "listen")).toBe(answers.notify);
  expect(answerTo(planned, "sendto", 0, 0, 0, 0x20000000)).toBe(answers.notify);
  expect(answerTo(planned, "sendto", 0, 0, 0, 0)).toBe(answers.allow);
});

test("the whole network: every protocol of a program, none of an administrator", () => {
  const planned = plan([...workspace, permit("NetConnect NetBind")]);
  expect(level(planned, "network")).toBe("not-asked");
  expect(planned.plan.landlock?.handledNet).toBe(0n);
  for (const args of [
    [2, 1, 0],
    [2, 2, 0],
    [2, 1, 262],
    [16, 3, 0],
  ]) {
    expect([args, answerTo(planned, "socket", ...args)]).toEqual([args, answers.allow]);
  }
  expect(answerTo(planned, "socket", 2, 3, 1)).toBe(answers.notify);
  expect(answerTo(planned, "socket", 40, 1, 0)).toBe(answers.notify);
  expect(answerTo(planned, "sendmsg")).toBe(answers.notify);
});

test("in a network namespace of its own the box has its loopback", () => {
  const planned = plan(workspace);
  const own = planned.sources.filter(({ rule }) => rule === "box:loopback");
  expect(own.length).toBeGreaterThan(0);
  const hosts = planned.plan.rules.flatMap(({ where }) =>
    where.map((atom) =>
      atom.kind === "host-like" ? atom.parts.join("*") : "host" in atom ? atom.host : "",
    ),
  );
  expect(hosts).toEqual(expect.arrayContaining(["::1", "127.*"]));
  expect(
    plan(workspace, host({ without: namespaces })).sources.some(
      ({ rule }) => rule === "box:loopback",
    ),
  ).toBe(false);
});

test("everything granted is not confined, but aegis' own files are", () => {
  const free = plan(everything);
  expect(free.plan.landlock).toBeUndefined();
  expect(free.plan.mounts).toEqual([]);
  expect(
    free.coverage.filter((row) => row.level === "not-asked").map((row) => row.protection),
  ).toEqual([
    "filesystem",
    "filesystem-metadata",
    "deny-inside-allow",
    "protected-names",
    "exec",
    "exec-inside-allow",
    "network",
    "unix-sockets",
    "processes",
    "signals",
    "ipc",
    "temporary-files",
  ]);
  expect(answerTo(free, "socket", 1, 2, 0)).toBe(answers.allow);
  const guarded = plan(everything, host(), { ownPaths: ["/home/u/.aegis"] });
  expect(guarded.plan.mounts).toContainEqual({
    kind: "read-only",
    path: "/home/u/.aegis",
    optional: false,
  });
  expect(level(guarded, "protected-names")).toBe("enforced");
});

test("a box that is only watched is confined by nothing", () => {
  const watched = plan([], host(), { observeOnly: true });
  expect(watched.plan).toMatchObject({
    namespaces: { user: false, mount: false, pid: false, net: false, ipc: false },
    mounts: [],
    landlock: undefined,
    notify: { recordAllowed: true, brokerCreate: false, brokerSocket: false },
  });
  expect(
    watched.coverage.filter((row) => row.level !== "not-asked").map((row) => row.protection),
  ).toEqual(["audit"]);
  expect(answerTo(watched, "ptrace")).toBe(answers.allow);
  expect(answerTo(watched, "openat", 0, 0, 0)).toBe(answers.notify);
});

test("anonymous memory cannot be executed where nothing that is written can", () => {
  const strict = plan([system, permit("read change", under("/ws"))]);
  expect(answerTo(strict, "memfd_create", 0, 0)).toBe(answers.enosys);
  expect(answerTo(plan(workspace), "memfd_create", 0, 0)).toBe(answers.allow);
});

test("a permit on what does not exist lets it be looked for, and no row claim that it was there", () => {
  const planned = plan([...workspace, permit("read", under("/ws/none"))]);
  const about = planned.sources.flatMap(({ rule }, index) =>
    rule.includes("none") ? [planned.plan.rules[index]?.effect] : [],
  );
  expect(about).toEqual(["permit-failing"]);
});

test("rules for another agent are not this box's", () => {
  const other = { ...permit("read", under("/home/u")), agent: "someone" };
  expect(plan([...workspace, other]).plan.rules).toEqual(plan(workspace).plan.rules);
  const own = { ...other, agent: "agent" };
  expect(plan([...workspace, own]).plan.rules).not.toEqual(plan(workspace).plan.rules);
});
