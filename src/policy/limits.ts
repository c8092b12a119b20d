// The limits policies and manifests set: annotations of a Cedar policy, `@limit_memory("2G")`, and
// the budget of a manifest that has a meaning for a whole run. Read from the texts at every launch,
// also where the plan is known, so nothing heavy is loaded. No I/O.

import {
  isLimitName,
  type LimitWish,
  limitExamples,
  limitNames,
  parseLimit,
} from "../model/limits.ts";
import type { PolicySource } from "../model/policy-snapshot.ts";
import { positionsIn } from "./cedar/text.ts";
import { type Diagnostic, errorAt } from "./diagnostic.ts";

export interface PolicyLimits {
  readonly wishes: readonly LimitWish[];
  readonly diagnostics: readonly Diagnostic[];
}

export function policyLimits(sources: readonly PolicySource[]): PolicyLimits {
  const wishes: LimitWish[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const source of sources) {
    const found = source.kind === "manifest" ? manifestLimits(source) : annotations(source);
    wishes.push(...found.wishes);
    diagnostics.push(...found.diagnostics);
  }
  return { wishes, diagnostics };
}

/** Comments and strings are passed over whole, so that neither can set a limit. */
const annotation = /\/\/[^\n]*|@\s*limit_(\w*)\s*(?:\(\s*"([^"\\]*)"\s*\))?|"(?:[^"\\]|\\.)*"/g;

function annotations({ name: file, text }: PolicySource): PolicyLimits {
  const wishes: LimitWish[] = [];
  const diagnostics: Diagnostic[] = [];
  if (!text.includes("limit_")) return { wishes, diagnostics };
  const position = positionsIn(text);
  for (const match of text.matchAll(annotation)) {
    const [, written, value] = match;
    if (written === undefined) continue;
    const at = position(match.index);
    const name = written.replaceAll("_", "-");
    const refuse = (message: string, hint: string) =>
      diagnostics.push(errorAt({ rule: "", source: file, ...at }, message, hint));
    if (!isLimitName(name)) {
      const names = limitNames.map((each) => `limit_${each.replaceAll("-", "_")}`).join(", ");
      refuse(`There is no limit "${written}"`, `there are ${names}`);
      continue;
    }
    const parsed = value === undefined ? undefined : parseLimit(name, value);
    if (parsed === undefined)
      refuse(
        `Limit "${written}" has no value that can be read`,
        `write @limit_${written}("…") with a value like ${limitExamples(name)}`,
      );
    else wishes.push({ name, value: parsed, source: `${file}:${at.line}` });
  }
  return { wishes, diagnostics };
}

/**
 * `max_wall_time_ms` is the one budget of a whole run that a kernel can hold: steps and tool calls
 * are counted by the control plane, and the other two bound one tool call. What is no manifest is
 * refused where it is compiled.
 */
function manifestLimits({ name: file, text }: PolicySource): PolicyLimits {
  const nothing = { wishes: [], diagnostics: [] };
  if (!text.includes("max_wall_time_ms")) return nothing;
  const value = wallTimeOf(text);
  if (value === undefined || value <= 0) return nothing;
  return { wishes: [{ name: "time", value, source: file }], diagnostics: [] };
}

interface Budgets {
  readonly permissions?: { readonly budgets?: { readonly max_wall_time_ms?: unknown } };
}

function wallTimeOf(text: string): number | undefined {
  try {
    const value = (JSON.parse(text) as Budgets | null)?.permissions?.budgets?.max_wall_time_ms;
    return typeof value === "number" && Number.isSafeInteger(value) ? value : undefined;
  } catch {
    // ignored: compiling the manifest says what is wrong with it
    return undefined;
  }
}
