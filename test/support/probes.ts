// What this machine can do, tried for real. Free of bun:test, so that scripts/test.ts can hold
// skips against it.

import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { type Controller, controllersHere } from "./cgroup.ts";
import { asPlainUser, isRoot } from "./harness.ts";

/**
 * `userns`: user, mount, pid and network namespaces for whoever runs the tests. `plain user`: the
 * tests run without privileges. `x86-64`: its machine code. `cgroup2`: cgroups of version 2 can be
 * made, and have that controller. `tool NAME`: a program in PATH.
 */
export type Need =
  | "linux"
  | "landlock"
  | "seccomp"
  | "userns"
  | "root"
  | "plain user"
  | "x86-64"
  | "cgroup2"
  | `cgroup2 ${Controller}`
  | `tool ${string}`;

/** True when the machine, for the account that runs the tests, offers `need`. */
export function has(need: Need): boolean {
  if (need.startsWith("tool ")) return Bun.which(need.slice("tool ".length)) !== null;
  if (need === "root") return isRoot();
  if (need === "plain user") return !isRoot();
  if (need === "x86-64") return process.arch === "x64";
  if (process.platform !== "linux") return false;
  if (need === "landlock") return landlockAbi() > 0;
  if (need === "cgroup2") return controllersHere() !== undefined;
  if (need === "cgroup2 memory") return controllersHere()?.includes("memory") === true;
  if (need === "cgroup2 pids") return controllersHere()?.includes("pids") === true;
  if (need === "seccomp") return seccompActions().includes("user_notif");
  if (need === "userns") return canUnshare([]);
  return true;
}

/** `has("userns")` for the plain user a root runner stands in for. */
export function plainUserHasNamespaces(): boolean {
  return process.platform === "linux" && canUnshare(asPlainUser([]));
}

/** The Landlock ABI of the running kernel, 0 when it has none. */
export function landlockAbi(): number {
  const libc = dlopen("libc.so.6", {
    syscall: { args: ["i64", "ptr", "u64", "u32"], returns: "i64" },
  });
  const landlockCreateRuleset = 444n;
  const versionFlag = 1;
  const abi = Number(libc.symbols.syscall(landlockCreateRuleset, null, 0n, versionFlag));
  libc.close();
  return Math.max(abi, 0);
}

function seccompActions(): string[] {
  try {
    return readFileSync("/proc/sys/kernel/seccomp/actions_avail", "utf8").trim().split(" ");
  } catch {
    // ignored: a kernel without seccomp has no such file
    return [];
  }
}

function canUnshare(prefix: readonly string[]): boolean {
  const argv = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net"];
  const { exitCode } = Bun.spawnSync([...prefix, ...argv, "true"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return exitCode === 0;
}
