// What decide() answers.

import type { Origin } from "./capability.ts";

export type Outcome = "allow" | "deny" | "ask";

export interface Verdict {
  readonly outcome: Outcome;
  /** The deciding rule; undefined when nothing matched (default deny). */
  readonly rule: Origin | undefined;
  /** One sentence for a person: which rule, or that no permit matched. */
  readonly reason: string;
}
