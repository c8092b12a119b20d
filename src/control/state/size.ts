// How much memory a session's state takes, roughly: whoever keeps many of them has to know, because
// the names in them are a caller's. Pure.

import type { SessionState } from "./reducer.ts";

/** Of a state without any text, and of each entry in its lists. */
const emptySize = 1000;
const entrySize = 100;

/** Characters in its texts, some of them twice, and as many more for what holds them. */
export function stateSize(state: SessionState): number {
  const { last_outcomes, handoff, taint, violation, calls, open, active_tool_permissions } = state;
  const { last_model_call_id, last_tool_call_id, last_tool_name, last_policy_outcome } =
    last_outcomes;
  const { from_agent, to_agent, context_id } = handoff;
  let size = emptySize + (violation?.detail.length ?? 0);
  size += last_model_call_id.length + last_tool_call_id.length;
  size += last_tool_name.length + last_policy_outcome.length;
  size += from_agent.length + to_agent.length + context_id.length;
  for (const key of taint.sanitized_keys) size += entrySize + key.length;
  size += entrySize * open.length;
  for (const { tool } of calls) size += entrySize + tool.length;
  for (const { tool_name, granted_by } of active_tool_permissions) {
    size += entrySize + tool_name.length + granted_by.length;
  }
  return size;
}
