import { expect, test } from "bun:test";
import { featureNames } from "../../../../src/enforce/linux/features.ts";
import { hostFeatures } from "../../../../src/enforce/linux/probe.ts";

const plain = { arch: "x86_64", isRoot: false } as const;
const root = { arch: "x86_64", isRoot: true } as const;

const good: Readonly<Record<string, string>> = {
  landlock_abi: "7",
  landlock_errata: "7",
  userns: "ok",
  mountns: "user",
  pidns: "user",
  netns: "user",
  ipcns: "user",
  proc_mount: "user",
  tmpfs_mount: "user",
  mount_setattr: "user",
  landlock_restrict: "ok",
  seccomp_filter: "ok",
  seccomp_listener: "ok",
  pidfd_getfd: "ok",
  process_vm_readv: "ok",
};

function output(changes: Readonly<Record<string, string | undefined>> = {}): string {
  return Object.entries({ ...good, ...changes })
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}\n`]))
    .join("");
}

function lacking(changes: Readonly<Record<string, string | undefined>>, who = plain): string[] {
  const { lacks } = hostFeatures(output(changes), who);
  return featureNames.filter((name) => lacks[name] !== "");
}

test("a plain user of a recent kernel has everything", () => {
  expect(hostFeatures(output(), plain)).toMatchObject({ landlockAbi: 7, landlockErrata: 7 });
  expect(lacking({})).toEqual([]);
});

test("a feature is there only when all it takes works", () => {
  const rows = [
    [{ tmpfs_mount: "EPERM" }, ["mount namespace"]],
    [{ proc_mount: "EPERM" }, ["pid namespace"]],
    [{ seccomp_listener: "EBUSY" }, ["notify"]],
    [{ process_vm_readv: "EPERM" }, ["notify"]],
    [{ pidfd_getfd: "EPERM" }, ["descriptors"]],
    [{ landlock_restrict: "ENOSYS" }, ["landlock"]],
    [{ netns: undefined }, ["net namespace"]],
    [{ netns: "something new" }, ["net namespace"]],
  ] as const;
  for (const [changes, expected] of rows) {
    expect([changes, lacking(changes)]).toEqual([changes, [...expected]]);
  }
});

test("without user namespaces a plain user has no namespace, whatever the parts say", () => {
  const all = ["mount namespace", "pid namespace", "net namespace", "ipc namespace"];
  expect(lacking({ userns: "EPERM" })).toEqual(all);
});

test("root uses namespaces directly; those that only work for a user are none for it", () => {
  const direct = { mountns: "ok", pidns: "ok", netns: "ok", ipcns: "ok", proc_mount: "ok" };
  const mounts = { tmpfs_mount: "ok", mount_setattr: "ok", userns: "EPERM" };
  const { lacks } = hostFeatures(output({ ...direct, ...mounts }), root);
  expect(Object.values(lacks)).toEqual(featureNames.map(() => ""));
  expect(hostFeatures(output(), root).lacks["net namespace"]).toContain("netns failed with user");
});

test("what is missing says which part failed and how", () => {
  const { lacks, landlockAbi } = hostFeatures(output({ landlock_restrict: "EPERM" }), plain);
  expect(lacks.landlock).toContain("landlock_restrict failed with EPERM");
  expect(landlockAbi).toBe(0);
  expect(hostFeatures("", plain).lacks.notify).toContain("reported nothing about seccomp_filter");
});

test("an outer sandbox is blamed for the listener only when it has it", () => {
  const why = (value: string) => hostFeatures(output({ seccomp_listener: value }), plain).lacks;
  expect(why("EBUSY").notify).toContain("an outer sandbox holds the one listener");
  expect(why("EPERM").notify).not.toContain("outer sandbox");
});

test("a box in a box is told that it is in one, and no other that namespaces are switched off", () => {
  const why = (seccomp_listener: string) =>
    hostFeatures(output({ seccomp_listener, userns: "EPERM", mountns: "EPERM" }), plain).lacks;
  expect(why("EBUSY")["mount namespace"]).toContain("inside an outer sandbox");
  expect(why("EBUSY")["mount namespace"]).not.toContain("switched off");
  expect(why("ok")["mount namespace"]).toContain("switched off");
});
