// One call decided twice, by a manifest that binds and by one that may only take away. Pure.

import type { JsonValue } from "../../model/event.ts";
import type { ToolDecision } from "./decision.ts";

/** What both allow: a denial before a question, a question before an allowance. */
export function stricter(binding: ToolDecision, other: ToolDecision): ToolDecision {
  for (const outcome of ["deny", "require_approval"] as const) {
    const found = [binding, other].find((decision) => decision.outcome === outcome);
    if (found === undefined) continue;
    const constraints = outcome === "deny" ? found.constraints : smaller(binding, other);
    return { ...found, constraints };
  }
  return { ...binding, constraints: smaller(binding, other) };
}

/** Of two numbers the smaller one; of what cannot be compared the one that binds. */
function smaller(binding: ToolDecision, other: ToolDecision): Readonly<Record<string, JsonValue>> {
  const constraints = { ...other.constraints, ...binding.constraints };
  for (const [name, value] of Object.entries(other.constraints)) {
    const bound = constraints[name];
    if (typeof value !== "number" || typeof bound !== "number") continue;
    constraints[name] = Math.min(value, bound);
  }
  return constraints;
}
