// Cedar's engine for tests, from the package itself.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Cedar, openCedar } from "../../src/policy/cedar/wasm.ts";

const wasmFile = "../../node_modules/@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm";

export function testCedar(): Cedar {
  return openCedar(new WebAssembly.Module(readFileSync(join(import.meta.dir, wasmFile))));
}
