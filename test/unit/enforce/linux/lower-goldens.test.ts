// What each policy of conformance/lower becomes on Linux: beside its ir.json lies linux.json, for a
// plain user of a kernel with Landlock ABI 7 and every namespace, on a disk where everything a rule
// names is there: a folder where a rule speaks of what lies below, else a file. What has "absent"
// in its name is not there. Cases named broker-* have a linux-bare.json as well: no namespaces.
// UPDATE_GOLDEN=1 writes the files anew; read the difference before committing it.

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HostFeatures } from "../../../../src/enforce/linux/features.ts";
import { syscallTable } from "../../../../src/enforce/linux/filter/syscall-table.ts";
import { fsRight, netRight } from "../../../../src/enforce/linux/landlock.ts";
import type { DiskView } from "../../../../src/enforce/linux/paths/disk-view.ts";
import { type LinuxPlan, planLinux } from "../../../../src/enforce/linux/plan.ts";
import type { Capability } from "../../../../src/model/capability.ts";
import { runBpf } from "../../../support/bpf-interpreter.ts";
import { answers } from "../../../support/expected-answer.ts";
import { repoRoot } from "../../../support/harness.ts";
import { at, disk, host, namespaces, request } from "../../../support/ir.ts";

const root = join(repoRoot, "conformance/lower");

for (const name of readdirSync(root).sort()) {
  const ir = JSON.parse(readFileSync(join(root, name, "ir.json"), "utf8"));
  if (ir.capabilities === undefined) continue;
  const hosts: Record<string, HostFeatures> = { "linux.json": host() };
  if (name.startsWith("broker-")) hosts["linux-bare.json"] = host({ without: namespaces });
  for (const [file, on] of Object.entries(hosts)) {
    test(`conformance/lower/${name} becomes its ${file}`, () => {
      const actual = `${JSON.stringify(lowered(ir.capabilities, on), undefined, 2)}\n`;
      const golden = join(root, name, file);
      if (process.env.UPDATE_GOLDEN === "1") writeFileSync(golden, actual);
      expect(existsSync(golden) ? readFileSync(golden, "utf8") : "").toBe(actual);
    });
  }
}

function lowered(capabilities: readonly Capability[], on: HostFeatures): unknown {
  // An absent agent is every agent's; JSON has no word for undefined.
  const all = capabilities.map((capability) => ({
    ...capability,
    agent: capability.agent ?? undefined,
  }));
  const temporary = { path: at("/tmp/aegis"), make: () => undefined };
  const asked = request(all, { workspace: "/home/ada/project", home: "/home/ada", temporary });
  const planned = planLinux(asked, on, diskOf(all));
  if (planned.ok) return shown(planned.value);
  return {
    refused: planned.error.map(({ origin, message, hint }) => ({
      rule: origin?.rule,
      message,
      hint,
    })),
  };
}

function diskOf(capabilities: readonly Capability[]): DiskView {
  const entries = capabilities.flatMap(({ where }) =>
    where.flatMap((atom) => {
      if (atom.kind === "path-in") return [`${atom.path}/`];
      if (atom.kind === "path-equals" && atom.path.startsWith("/")) return [atom.path];
      const [first = ""] = atom.kind === "path-like" ? atom.parts : [];
      return first.startsWith("/") && first.length > 1
        ? [`${first.slice(0, first.lastIndexOf("/"))}/`]
        : [];
    }),
  );
  // Folders last, so that what is both is a folder.
  const proper = entries.filter(
    (entry) => entry.startsWith("/") && entry.length > 1 && !entry.includes("absent"),
  );
  return disk(...proper.sort((a, b) => Number(a.endsWith("/")) - Number(b.endsWith("/"))));
}

function shown({ plan, coverage }: LinuxPlan) {
  const { namespaces, mounts, landlock, notify } = plan;
  return {
    namespaces: Object.entries(namespaces).flatMap(([name, made]) => (made ? [name] : [])),
    mounts: mounts.map((step) => ("path" in step ? `${step.kind} ${step.path}` : step.kind)),
    landlock:
      landlock === undefined
        ? "none"
        : Object.fromEntries(
            landlock.paths.map(({ path, access }) => [path, rightNames(fsRight, access)]),
          ),
    ports:
      landlock === undefined
        ? "none"
        : {
            handled: rightNames(netRight, landlock.handledNet),
            granted: landlock.ports.map(
              ({ port, access }) => `${port}: ${rightNames(netRight, access)}`,
            ),
          },
    calls: Object.fromEntries(
      tellingCalls.map(([label, name, args]) => [label, answer(plan.seccomp, name, args)]),
    ),
    notify: notify ?? "none",
    rules: plan.rules.length,
    coverage: Object.fromEntries(
      coverage.map(({ protection, level, by }) => [
        protection,
        by === "" ? level : `${level} by ${by}`,
      ]),
    ),
  };
}

function rightNames(rights: Readonly<Record<string, bigint>>, access: bigint): string {
  return Object.entries(rights)
    .flatMap(([name, bit]) => ((access & bit) === 0n ? [] : [name]))
    .join(" ");
}

const tellingCalls = [
  ["TCP socket", "socket", [2, 1, 0]],
  ["UDP socket", "socket", [2, 2, 0]],
  ["MPTCP socket", "socket", [2, 1, 262]],
  ["route netlink", "socket", [16, 3, 0]],
  ["unix datagrams", "socket", [1, 2, 0]],
  ["fast open", "sendto", [0, 0, 0, 0x20000000]],
  ["connect", "connect", []],
  ["open for reading", "openat", [0, 0, 0]],
  ["open for writing", "openat", [0, 0, 1]],
  ["execve", "execve", []],
  ["executable memfd", "memfd_create", [0, 0]],
] as const;

function answer(filter: Uint8Array | undefined, name: string, args: readonly number[]): string {
  const nr = syscallTable("x86_64").numbers.get(name);
  if (filter === undefined || nr === undefined) throw new Error(`no filter or no call ${name}`);
  const { action } = runBpf(filter, { nr, arch: 0xc000003e, args: args.map(BigInt) });
  return Object.entries(answers).find(([, value]) => value === action)?.[0] ?? String(action);
}
