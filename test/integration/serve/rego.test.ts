// The committed module of the tool policy is what its source compiles to.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { testWith } from "../../support/features.ts";
import { repoRoot } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

testWith(
  ["tool opa"],
  "policies/rego/aegis/decide.wasm is compiled from decide.rego",
  async () => {
    const out = `${tempDir("rego")}/decide.wasm`;
    const script = `${repoRoot}/scripts/compile-rego.ts`;
    const compiling = Bun.spawn([process.execPath, script, "--out", out], { stderr: "pipe" });
    expect(await new Response(compiling.stderr).text()).toBe("");
    expect(await compiling.exited).toBe(0);
    const committed = readFileSync(`${repoRoot}/policies/rego/aegis/decide.wasm`);
    expect(readFileSync(out).equals(committed)).toBe(true);
  },
  testMs,
);
