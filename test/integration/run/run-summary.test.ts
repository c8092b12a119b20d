// What a run says at its end about what it did not count: refused system calls, which are no
// accesses, and what a lower level of audit leaves unrecorded.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWith } from "../../support/features.ts";
import { type Outcome, spawnAegis } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

const needs = ["linux", "landlock", "seccomp", "userns"] as const;
const home = tempDir("home");
const project = tempDir("project");
writeFileSync(join(project, "hidden"), "content");

async function run(...args: string[]): Promise<Outcome> {
  return spawnAegis(["run", ...args], { env: { HOME: home }, cwd: project });
}

function counted(stderr: string): string | undefined {
  return /Session: \S+ {2}(.*)/.exec(stderr)?.[1];
}

testWith(needs, "names the system calls that were refused", async () => {
  const twice = ["--", "sh", "-c", "unshare --mount true; unshare --mount true; true"];
  const { stderr } = await run(...twice);
  expect(stderr).toContain("aegis: refused system calls that no box may make: unshare (2 times)\n");
  const report = JSON.parse((await run("--json", ...twice)).stdout);
  expect(report).toMatchObject({
    accesses: { denied: 0 },
    refused_calls: [{ call: "unshare", times: 2 }],
    audit: "full",
  });
  const none = await run("--", "true");
  expect(none.stderr).not.toContain("refused system calls");
});

testWith(needs, "says of a lower level of audit what its counts leave out", async () => {
  const full = await run("--deny", "hidden", "--", "cat", "hidden");
  expect(counted(full.stderr)).toMatch(/^\d+ allowed, 1 denied$/);
  const writes = await run("--audit", "writes", "--deny", "hidden", "--", "cat", "hidden");
  expect(writes.exitCode).toBe(1);
  expect(counted(writes.stderr)).toMatch(
    /^\d+ allowed, \d+ denied \(--audit writes: reads are not counted, denied ones neither\)$/,
  );
  const off = await run("--audit", "off", "--json", "--deny", "hidden", "--", "cat", "hidden");
  expect(JSON.parse(off.stdout)).toMatchObject({ audit: "off", accesses: { allowed: 0 } });
});
