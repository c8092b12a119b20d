// The gate over a ledger, a manifest and a policy that were opened for it.

import { createLiveStates } from "../app/live-states.ts";
import { createRateLimiter } from "../app/rate-limit.ts";
import type { ServeParts } from "../app/serve.ts";
import { budgetsOf } from "../control/state/budgets.ts";
import { createGate, type Gate } from "./gate.ts";

export function prepareGate(
  parts: Pick<ServeParts, "log" | "decide" | "manifest" | "secret" | "nowMs" | "rateLimit">,
  { approvalWaitMs, say }: { approvalWaitMs: number; say: (line: string) => void },
): Gate {
  return createGate({
    ...parts,
    states: createLiveStates(parts.log, budgetsOf(parts.manifest)),
    limiter: createRateLimiter(parts.rateLimit, parts.nowMs),
    ...{ approvalWaitMs, say },
  });
}
