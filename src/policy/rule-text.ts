// Cedar text of rules over lists of paths, laid out as the files in profiles/ are.

import type { Action } from "../model/capability.ts";
import { quote } from "./cedar/print.ts";

export interface PathRule {
  readonly id: string;
  readonly effect: "permit" | "forbid";
  readonly actions: readonly Action[];
  /** Absolute; each stands for itself and everything below. Not empty. */
  readonly paths: readonly string[];
  /** One sentence, for people. */
  readonly comment: string;
}

export function ruleText({ id, effect, actions, paths, comment }: PathRule): string {
  const names = actions.map((action) => `Aegis::Action::${quote(action)}`);
  const resources = paths.map((path) => `    Aegis::Resource::${quote(path)}`);
  return [
    `// ${comment}`,
    `@id(${quote(id)})`,
    `${effect}(principal, action in [${names.join(", ")}], resource) when {`,
    "  resource in [",
    resources.join(",\n"),
    "  ]",
    "};",
    "",
  ].join("\n");
}
