// The campaigns of bench/, for a moment each: that they find what they look for is what their long
// runs rely on.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repoRoot } from "../support/harness.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

async function campaign(name: string, ...flags: readonly string[]) {
  const out = join(tempDir("campaign"), "results.json");
  const argv = [process.execPath, `bench/${name}.ts`, ...flags, "--out", out];
  const child = Bun.spawn(argv, { cwd: repoRoot, stdio: ["ignore", "ignore", "pipe"] });
  const said = await child.stderr.text();
  const exitCode = await child.exited;
  return { exitCode, said, results: JSON.parse(readFileSync(out, "utf8")) as object };
}

test(
  "a server that is killed under load loses nothing it acknowledged",
  async () => {
    const { exitCode, said, results } = await campaign("kill", "--cycles", "10");
    expect({ said, results }).toMatchObject({
      said: "",
      results: { cycles: 10, lost: 0, invalid: 0, problems: [], passed: true },
    });
    expect(results).toHaveProperty("acknowledged", expect.any(Number));
    expect(exitCode).toBe(0);
  },
  2 * testMs,
);

test(
  "a server under mixed load answers as it should",
  async () => {
    const { exitCode, said, results } = await campaign("soak", "--seconds", "4");
    expect({ said, results }).toMatchObject({
      said: "",
      results: { errors: 0, problems: [], passed: true },
    });
    expect(exitCode).toBe(0);
  },
  2 * testMs,
);
