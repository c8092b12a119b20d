// Cedar text laid out the one way, comments kept.

import { err, ok, type Result } from "../../base/result.ts";
import type { PolicySource } from "../../model/policy-snapshot.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { parsePolicies } from "./parse.ts";
import type { Cedar } from "./wasm.ts";

/** @returns the text formatted; every problem of a text that does not parse */
export function formatPolicy(
  cedar: Cedar,
  source: PolicySource,
): Result<string, readonly Diagnostic[]> {
  const { diagnostics } = parsePolicies(cedar, [source]);
  if (diagnostics.length > 0) return err(diagnostics);
  const answer = cedar.formatPolicies({
    policyText: source.text,
    lineWidth: 100,
    indentWidth: 2,
  });
  if (answer.type === "failure")
    throw new Error(`broken invariant: Cedar cannot format: ${answer.errors[0]?.message}`);
  return ok(answer.formatted_policy);
}
