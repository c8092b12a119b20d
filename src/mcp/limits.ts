// What an allowed call may cost: by the decision, else by the manifest, else by default. Pure.

import type { ToolDecision } from "../control/decide/decision.ts";
import type { JsonValue } from "../model/event.ts";
import { memberOf } from "../model/json-object.ts";

export interface Limits {
  readonly timeoutMs: number;
  /** Bytes of the answer as it is sent. */
  readonly outputMax: number;
}

/** How long a call waits for a person by default: clients give up after 60 s. */
export const approvalWaitMs = 45_000;
/** What a policy cannot lift: an answer has to fit into memory, and timers end at 2^31. */
export const answerSizeMax = 32 * 1024 * 1024;
const timeoutMax = 2 ** 31 - 1;

export function limitsOf({ constraints }: ToolDecision, manifest: JsonValue): Limits {
  const budgets = memberOf(memberOf(manifest, "permissions"), "budgets");
  const limit = (name: string, otherwise: number, most: number): number => {
    const value = constraints[name] ?? memberOf(budgets, name);
    const isCount = typeof value === "number" && value >= 0;
    return Math.min(isCount ? value : otherwise, most);
  };
  return {
    timeoutMs: limit("timeout_ms", 30_000, timeoutMax),
    outputMax: limit("max_output_bytes", 1_048_576, answerSizeMax),
  };
}
