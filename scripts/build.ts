// Builds one binary: `bun scripts/build.ts [--target NAME] [--entry FILE] [--out FILE]`, by default
// dist/aegis for this machine.

import { statSync } from "node:fs";
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./binary/bundle.ts";
import { repoRoot, runScript } from "./binary/project.ts";
import { findTarget, hostTarget } from "./binary/targets.ts";

runScript(() => {
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      entry: { type: "string", default: resolve(repoRoot, "src/main.ts") },
      out: { type: "string", default: resolve(repoRoot, "dist/aegis") },
    },
  });
  const target = values.target === undefined ? hostTarget() : findTarget(values.target);
  const output = resolve(values.out);
  bundle({ target, entry: resolve(values.entry), output });
  const megabytes = (statSync(output).size / 1e6).toFixed(1);
  console.log(`${relative(process.cwd(), output)}: ${target.name}, ${megabytes} MB`);
});
