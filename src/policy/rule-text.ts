// Cedar text of rules over lists of paths, laid out as the files in profiles/ are.

import type { Action } from "../model/capability.ts";
import { quote, quotePattern } from "./cedar/print.ts";

export interface PathRule {
  readonly id: string;
  readonly effect: "permit" | "forbid";
  readonly actions: readonly Action[];
  /** Absolute; each stands for itself and everything below. Not empty. */
  readonly paths: readonly string[];
  /** One sentence, for people. */
  readonly comment: string;
}

export function ruleText(rule: PathRule): string {
  const resources = rule.paths.map((path) => `    Aegis::Resource::${quote(path)}`);
  return conditionText(rule, ["  resource in [", resources.join(",\n"), "  ]"]);
}

/** @param patterns literal pieces with any text in between, slashes included */
export function patternRuleText(
  rule: Omit<PathRule, "paths">,
  patterns: readonly (readonly string[])[],
): string {
  const tests = patterns.map((parts) => `  resource.path like ${quotePattern(parts)}`);
  return conditionText(rule, [tests.join(" ||\n")]);
}

function conditionText(
  { id, effect, actions, comment }: Omit<PathRule, "paths">,
  condition: readonly string[],
): string {
  const names = actions.map((action) => `Aegis::Action::${quote(action)}`);
  return [
    `// ${comment}`,
    `@id(${quote(id)})`,
    `${effect}(principal, action in [${names.join(", ")}], resource) when {`,
    ...condition,
    "};",
    "",
  ].join("\n");
}
