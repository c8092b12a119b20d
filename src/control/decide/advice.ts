// What a denied tool call is told: why, and the smallest thing that would let it through. Names and
// arguments in it come from the caller. Pure.

import type { JsonValue } from "../../model/event.ts";
import type { Budgets } from "../state/budgets.ts";
import type { SessionState } from "../state/reducer.ts";

export interface AdvisedCall {
  readonly tool: string;
  readonly domain: JsonValue | undefined;
  readonly program: JsonValue | undefined;
}

export interface Advice {
  readonly why: string;
  readonly change: string;
}

const shownMax = 120;

export function adviceFor(
  reason: string,
  { tool, domain, program }: AdvisedCall,
  state: SessionState,
  budgets: Budgets,
): Advice {
  const { steps_consumed, tool_calls_consumed, wall_time_ms } = state.budgets;
  const { max_model_calls: models } = budgets;
  const name = quoted(tool);
  switch (reason) {
    case "PERMISSION_UNDECLARED":
      return {
        why: `the manifest does not declare ${name}`,
        change: `add ${name} to permissions.tools of the manifest`,
      };
    case "EGRESS_DENY":
      return {
        why: `no entry of permissions.net.domains covers the domain ${quoted(domain)}`,
        change: "add the domain to permissions.net.domains, and name it in the argument domain",
      };
    case "EXEC_DENY":
      return {
        why: `permissions.exec.allowed_bins does not list the program ${quoted(program)}`,
        change: "add it to permissions.exec.allowed_bins, and name it in the argument bin",
      };
    case "BUDGET_EXCEEDED":
      return {
        why: [
          `the session used ${steps_consumed} of ${budgets.max_steps} steps`,
          `${tool_calls_consumed} of ${budgets.max_tool_calls} tool calls`,
          `${wall_time_ms} of ${budgets.max_wall_time_ms} ms`,
          ...(models === undefined
            ? []
            : [`${state.budgets.model_calls_consumed} of ${models} model calls`]),
        ].join(", "),
        change: "raise permissions.budgets of the manifest, or start another session",
      };
    case "LOOP_DETECTED":
      return {
        why: `the session goes in circles: ${state.violation?.detail ?? "a loop"}`,
        change: "start another session, and call the tool with other arguments",
      };
    case "TAINTED_TO_HIGH_RISK":
      return {
        why: `${name} changes the world, and the session holds text from tools or memory`,
        change: "record SANITIZED_TEXT for that text and send its key, or start another session",
      };
    case "RATE_LIMITED":
      return { why: `there were too many calls of ${name}`, change: "wait a minute" };
    default:
      return {
        why: `the policy says ${quoted(reason)}`,
        change: "change the policy, or the manifest it decides by",
      };
  }
}

function quoted(value: JsonValue | undefined): string {
  return JSON.stringify(value ?? "").slice(0, shownMax);
}
