// What a manifest lets a session use up, and whether it did. Limits are no part of a session's
// state: that follows from its events alone, whatever manifest is in force today. Pure.

import type { JsonValue } from "../../model/event.ts";
import { memberOf } from "../../model/json-object.ts";
import type { SessionState } from "./reducer.ts";

export interface Budgets {
  readonly max_steps: number;
  readonly max_tool_calls: number;
  readonly max_wall_time_ms: number;
  /** Undefined: as many as wanted. */
  readonly max_model_calls: number | undefined;
}

export const defaultBudgets: Budgets = {
  max_steps: 24,
  max_tool_calls: 12,
  max_wall_time_ms: 120_000,
  max_model_calls: undefined,
};

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

/** A session as it is decided about then: time goes on where no event says so. */
export function stateAt(state: SessionState, unixMs: number): SessionState {
  const { steps_consumed, session_start_ms } = state.budgets;
  return steps_consumed === 0 ? state : withWallTime(state, unixMs - session_start_ms);
}

/** For a decision alone: the state itself is what its events say. */
export function withWallTime(state: SessionState, wallTimeMs: number): SessionState {
  const wall_time_ms = Math.max(state.budgets.wall_time_ms, wallTimeMs);
  return { ...state, budgets: { ...state.budgets, wall_time_ms } };
}

export type ExceededBudget =
  | "BUDGET_STEPS_EXCEEDED"
  | "BUDGET_TOOL_CALLS_EXCEEDED"
  | "BUDGET_WALL_TIME_EXCEEDED"
  | "BUDGET_MODEL_CALLS_EXCEEDED";

/** Undefined for a session that used up what it has, and not more. */
export function exceededBudget(
  { budgets: used }: SessionState,
  limits: Budgets,
): ExceededBudget | undefined {
  if (used.steps_consumed > limits.max_steps) return "BUDGET_STEPS_EXCEEDED";
  if (used.tool_calls_consumed > limits.max_tool_calls) return "BUDGET_TOOL_CALLS_EXCEEDED";
  if (used.wall_time_ms > limits.max_wall_time_ms) return "BUDGET_WALL_TIME_EXCEEDED";
  const models = limits.max_model_calls ?? Number.POSITIVE_INFINITY;
  return used.model_calls_consumed > models ? "BUDGET_MODEL_CALLS_EXCEEDED" : undefined;
}
