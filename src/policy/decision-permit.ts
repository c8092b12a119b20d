// A permit that no kernel can hold, kept for decisions made outside of one because
// `--decision-only` was said. It is never part of the capabilities, so a plan made from them grants
// less than such a decision, never more.

import type { Attempt } from "../model/attempt.ts";
import type { Action, Origin } from "../model/capability.ts";

export interface DecisionPermit {
  readonly origin: Origin;
  readonly actions: readonly Action[];
  /** Whether the permit covers an attempt with one of its actions. */
  readonly covers: (attempt: Attempt) => boolean;
}
