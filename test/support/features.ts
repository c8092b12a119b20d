// Tests that need something of the machine. A skip carries its reason in its name, where
// scripts/test.ts checks it; AEGIS_TEST_REQUIRE="landlock,seccomp,userns" turns a skip for one of
// those reasons into a failure.

import { test } from "bun:test";
import { testMs } from "./patience.ts";
import { has, type Need } from "./probes.ts";

/**
 * A test of the real kernel or of a real program; skipped, with the reason, where `needs` are not
 * met.
 */
export function testWith(
  needs: readonly Need[],
  name: string,
  body: () => void | Promise<void>,
  timeoutMs = testMs,
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

function requiredNeeds(): string[] {
  return (process.env.AEGIS_TEST_REQUIRE ?? "").split(",").map((name) => name.trim());
}
