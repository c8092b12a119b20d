// The budgets that a manifest sets, as the reducer counts against them. Pure.

import type { JsonValue } from "../../model/event.ts";
import { memberOf } from "../../model/json-object.ts";
import { type Budgets, defaultBudgets } from "./reducer.ts";

/** What it does not say, or says in a form no manifest has, is as by default. */
export function budgetsOf(manifest: JsonValue): Budgets {
  const given = memberOf(memberOf(manifest, "permissions"), "budgets");
  const count = (name: keyof Budgets): number | undefined => {
    const value = memberOf(given, name);
    return typeof value === "number" && value >= 0 ? value : undefined;
  };
  return {
    max_steps: count("max_steps") ?? defaultBudgets.max_steps,
    max_tool_calls: count("max_tool_calls") ?? defaultBudgets.max_tool_calls,
    max_wall_time_ms: count("max_wall_time_ms") ?? defaultBudgets.max_wall_time_ms,
    max_model_calls: count("max_model_calls"),
  };
}
