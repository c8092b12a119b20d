// How a session's state is shown: as the policy reads it, and whole, with the hash that two replays
// of the same events agree on. Pure.

import { canonicalJson } from "../../base/canonical-json.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { JsonObject } from "../../model/event.ts";
import { type Budgets, exceededBudget } from "./budgets.ts";
import type { SessionState } from "./reducer.ts";

/**
 * The flat `snapshot` of policy input and of the snapshot endpoint.
 * @param limits of the manifest in force: what is over them is a violation as well
 */
export function policyView(state: SessionState, limits: Budgets): JsonObject {
  const { budgets, taint, violation } = state;
  return {
    steps_consumed: budgets.steps_consumed,
    tool_calls_consumed: budgets.tool_calls_consumed,
    model_calls_consumed: budgets.model_calls_consumed,
    wall_time_ms: budgets.wall_time_ms,
    is_tainted: taint.active_labels.length > 0,
    sanitized_keys: taint.sanitized_keys,
    loop_violation: violation?.reason ?? exceededBudget(state, limits) ?? "",
  };
}

/** The documented nested form; members that say nothing are left out. */
export function stateJson(state: SessionState): JsonObject {
  const { budgets, active_tool_permissions, last_outcomes, handoff, taint, violation } = state;
  const { active_labels, sanitized_keys } = taint;
  return {
    budgets: { ...budgets },
    ...given(
      "active_tool_permissions",
      active_tool_permissions.map((known) => ({ ...known })),
    ),
    last_outcomes: withoutEmpty(last_outcomes),
    ...given("taint_labels", active_labels),
    handoff: withoutEmpty(handoff),
    ...(violation === undefined
      ? {}
      : { loop_violation: violation.reason, loop: { ...violation } }),
    taint: { ...given("active_labels", active_labels), ...given("sanitized_keys", sanitized_keys) },
  };
}

/** SHA-256, hex, of the canonical form of `stateJson`. */
export function stateHash(state: SessionState): string {
  return sha256Hex(canonicalJson(stateJson(state)));
}

function given(name: string, list: readonly (string | JsonObject)[]): JsonObject {
  return list.length === 0 ? {} : { [name]: list };
}

function withoutEmpty(record: Readonly<Record<string, string | boolean>>): JsonObject {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== ""));
}
