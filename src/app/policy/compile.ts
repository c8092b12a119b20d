// Cedar and manifests to capabilities, with the engine embedded in the binary. Only reached when no
// plan is cached: loading the engine takes longer than everything else a launch does.

import { readFileSync } from "node:fs";
// @ts-expect-error the package declares what the module exports, and this import is its path
import cedarWasm from "../../../node_modules/@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm" with {
  type: "file",
};
import { AegisError } from "../../base/errors.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import { type Cedar, openCedar } from "../../policy/cedar/wasm.ts";
import { type CompiledPolicy, compilePolicy } from "../../policy/compile.ts";
import { type Diagnostic, diagnosticText, isError } from "../../policy/diagnostic.ts";
import type { Places } from "../../policy/places.ts";
import { programsNamed } from "../../supervise/find-program.ts";
import { policyDisk } from "./disk.ts";

/** The engine's module is compiled on other threads, from the call on. */
export async function loadCedar(): Promise<Cedar> {
  return openCedar(await WebAssembly.compile(readFileSync(cedarWasm)));
}

/**
 * @param path the PATH in which a manifest's programs are looked up
 * @throws {AegisError} `policy/invalid` with every diagnostic, one a line
 */
export async function compileSources(
  sources: readonly PolicySource[],
  places: Places,
  path: string,
): Promise<CompiledPolicy> {
  const compiled = await compilePolicy({
    cedar: loadCedar,
    sources,
    places,
    realPath: policyDisk.realPath,
    findProgram: (name) => programsNamed(name, path),
  });
  if (compiled.ok) return compiled.value;
  throw invalidPolicy(compiled.error);
}

/** All problems at once, the first fix that is known as the hint. */
export function invalidPolicy(diagnostics: readonly Diagnostic[]): AegisError {
  const errors = diagnostics.filter(isError);
  const lines = errors.map((diagnostic) => `\n  ${diagnosticText(diagnostic)}`);
  const own = errors.find((diagnostic) => diagnostic.hint !== "")?.hint;
  const hint = own ?? checkOf(errors[0]?.file ?? "");
  const message = `Cannot compile the policy: ${errors.length} error(s)${lines.join("")}`;
  return new AegisError("policy/invalid", message, { hint });
}

/** Undefined for what is no file. */
function checkOf(file: string): string | undefined {
  if (!file.startsWith("/")) return undefined;
  const command = file.endsWith(".json") ? "manifest validate" : "policy validate";
  return `correct it; \`aegis ${command} ${file}\` checks it and runs nothing`;
}
