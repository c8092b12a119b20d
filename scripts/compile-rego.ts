// Compiles the shipped Rego policy: `bun scripts/compile-rego.ts [--out FILE]`, by default the
// committed module beside its source. Needs `opa` of the pinned version in PATH.

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { repoRoot, runProgram, runScript } from "./binary/project.ts";

/** Another version writes other bytes. scripts/test-tools.sh installs this one. */
const opaVersion = "1.22.0";
const source = "policies/rego/aegis/decide.rego";

runScript(() => {
  const { values } = parseArgs({ options: { out: { type: "string" } } });
  const found = runProgram(["opa", "version"]).split("\n")[0] ?? "";
  if (found !== `Version: ${opaVersion}`)
    throw new Error(`Cannot compile the policy: opa says "${found}", wanted ${opaVersion}`);
  const work = mkdtempSync(join(tmpdir(), "aegis-rego-"));
  try {
    const bundle = join(work, "bundle.tar.gz");
    const entry = ["-t", "wasm", "-e", "aegis/decide/decision"];
    runProgram(["opa", "build", ...entry, "-o", bundle, source], { cwd: repoRoot });
    runProgram(["tar", "-xzf", bundle, "-C", work, "/policy.wasm"]);
    const out = resolve(values.out ?? join(repoRoot, "policies/rego/aegis/decide.wasm"));
    copyFileSync(join(work, "policy.wasm"), out);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
