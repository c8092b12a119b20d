// A box that runs on gives back the memory that starting it took, and is recorded as before.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aegisBinary, cleanEnvironment, spawnAegis, waitFor } from "../../support/harness.ts";
import { has } from "../../support/probes.ts";
import { tempDir } from "../../support/temp.ts";

const missing = (["linux", "landlock", "seccomp"] as const).filter((need) => !has(need));
const name = "the supervisor of an idle box is smaller than when it started";

if (missing.length > 0) {
  test.skip(`${name} (skipped, needs: ${missing.join(", ")})`, () => {});
} else {
  test(name, async () => {
    const cwd = tempDir("idle");
    const env = cleanEnvironment({ HOME: tempDir("idle-home") });
    writeFileSync(join(cwd, "later"), "read at the end");
    const script = "echo started; read line; cat later";
    const child = Bun.spawn([aegisBinary(), "run", "--quiet", "--", "sh", "-c", script], {
      ...{ cwd, env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const reader = child.stdout.getReader();
    const text = new TextDecoder();
    expect(text.decode((await reader.read()).value)).toBe("started\n");
    // The kernel remembers the most there was, however late we look.
    const most = kilobytes(child.pid, "VmHWM");
    await waitFor("memory to be given back", () => kilobytes(child.pid, "VmRSS") < most * 0.6);
    child.stdin.write("\n");
    child.stdin.end();
    expect(text.decode((await reader.read()).value)).toBe("read at the end");
    expect(await child.exited).toBe(0);
    const { stdout } = await spawnAegis(["log", "--json"], { cwd, env });
    expect(stdout).toContain(join(cwd, "later"));
  });
}

function kilobytes(pid: number, name: "VmHWM" | "VmRSS"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
}
