// Whether policy texts can be used: parsed, checked against the schema, and compiled as a launch
// would compile them.

import { userHome } from "../../config/location.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import { splitPolicies } from "../../policy/cedar/text.ts";
import { compilePolicy } from "../../policy/compile.ts";
import { type Diagnostic, isError } from "../../policy/diagnostic.ts";
import { templateNamed, templateSource } from "../../policy/templates.ts";
import type { Surroundings } from "../surroundings.ts";
import { loadCedar } from "./compile.ts";
import { policyTexts } from "./texts.ts";

export interface Validation {
  readonly sources: readonly PolicySource[];
  readonly valid: boolean;
  readonly policyCount: number;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * @param wanted a file, a folder of Cedar files, a manifest (`.json`) or a template
 * @param decisionOnly take permits that only a decision outside the kernel can honour
 * @throws {AegisError} `policy/not-found`
 */
export async function validatePolicy(
  around: Surroundings,
  wanted: string,
  decisionOnly: boolean,
): Promise<Validation> {
  const isManifest = wanted.endsWith(".json");
  const { templates, files, manifests } = isManifest
    ? policyTexts([], wanted, around.directory)
    : policyTexts([wanted], undefined, around.directory);
  const found = templates.flatMap((name) => templateNamed(name) ?? []);
  const sources = [...found.map(templateSource), ...files, ...manifests];
  const compiled = await compilePolicy({
    cedar: loadCedar,
    sources,
    places: { workspace: around.directory, home: userHome(around.environment), tmp: "/tmp" },
    decisionOnly,
  });
  const diagnostics = compiled.ok ? compiled.value.warnings : compiled.error;
  return {
    sources,
    valid: !diagnostics.some(isError),
    policyCount: sources.reduce((sum, source) => sum + countOf(source), 0),
    diagnostics,
  };
}

function countOf({ kind, text }: PolicySource): number {
  return kind === "manifest" ? 1 : splitPolicies(text).length;
}
