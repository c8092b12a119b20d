// What this machine can do, tried for real, and tests that need it. A skip carries its reason in its name;
// AEGIS_TEST_REQUIRE="landlock,seccomp,userns" turns a skip for one of those reasons into a failure.

import { dlopen } from "bun:ffi";
import { test } from "bun:test";
import { readFileSync } from "node:fs";
import { isRoot } from "./harness.ts";

/** `userns`: user, mount, pid and network namespaces for whoever runs the tests. `tool NAME`: a program in PATH. */
export type Need =
  | "linux"
  | "landlock"
  | "seccomp"
  | "userns"
  | "root"
  | "plain user"
  | `tool ${string}`;

/** A test of the real kernel or of a real program; skipped, with the reason, where `needs` are not met. */
export function testWith(
  needs: readonly Need[],
  name: string,
  body: () => void | Promise<void>,
  timeoutMs = 30_000,
): void {
  const missing = needs.filter((need) => !has(need));
  if (missing.length === 0) {
    test(name, body, timeoutMs);
    return;
  }
  const required = missing.filter((need) => requiredNeeds().includes(need));
  if (required.length === 0) {
    test.skip(`${name} (skipped, needs: ${missing.join(", ")})`, body);
    return;
  }
  test(name, () => {
    throw new Error(`this machine has to offer ${required.join(", ")}: AEGIS_TEST_REQUIRE`);
  });
}

/** True when the machine, for the account that runs the tests, offers `need`. */
export function has(need: Need): boolean {
  if (need.startsWith("tool ")) return Bun.which(need.slice("tool ".length)) !== null;
  if (need === "root") return isRoot();
  if (need === "plain user") return !isRoot();
  if (process.platform !== "linux") return false;
  if (need === "landlock") return landlockAbi() > 0;
  if (need === "seccomp") return seccompActions().includes("user_notif");
  if (need === "userns") return canUnshare();
  return true;
}

function requiredNeeds(): string[] {
  return (process.env.AEGIS_TEST_REQUIRE ?? "").split(",").map((name) => name.trim());
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

function canUnshare(): boolean {
  const argv = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net"];
  const { exitCode } = Bun.spawnSync([...argv, "true"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return exitCode === 0;
}
