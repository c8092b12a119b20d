// What the control plane is asked about a tool call, and what it answers. Field names are those of
// the wire.

import type { JsonValue } from "../../model/event.ts";

export const outcomes = ["allow", "deny", "require_approval"] as const;
export type Outcome = (typeof outcomes)[number];

/** The last two are said by the proxy and by servers in front of the policy, not by it. */
export const reasonCodes = [
  "OK",
  "PERMISSION_UNDECLARED",
  "EGRESS_DENY",
  "BUDGET_EXCEEDED",
  "LOOP_DETECTED",
  "TAINTED_TO_HIGH_RISK",
  "EXEC_DENY",
  "APPROVAL_REQUIRED",
  "RATE_LIMITED",
  "SESSION_BUSY",
] as const;

export interface ToolDecision {
  readonly outcome: Outcome;
  /** One of `reasonCodes`, or a word of somebody's own policy. */
  readonly reason: string;
  /** What an allowed call may cost: `max_output_bytes`, `timeout_ms`; empty for other outcomes. */
  readonly constraints: Readonly<Record<string, JsonValue>>;
}

/** The policy's `input`. Members may be of any type: they come from callers. */
export interface DecideInput {
  readonly event: JsonValue;
  readonly snapshot: JsonValue;
  readonly manifest: JsonValue;
}

export const undeclared: ToolDecision = {
  outcome: "deny",
  reason: "PERMISSION_UNDECLARED",
  constraints: {},
};

/** Never throws, and never rejects: what fails is a denial. */
export type Decide = (input: DecideInput) => ToolDecision | Promise<ToolDecision>;
