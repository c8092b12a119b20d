// Why an attempt is allowed or denied: every rule that speaks about it, the one that decided, and
// the smallest change.

import type { Attempt } from "../model/attempt.ts";
import type { Capability } from "../model/capability.ts";
import type { Verdict } from "../model/verdict.ts";
import type { Decider } from "./decide.ts";
import { smallestGrant } from "./grant.ts";
import { credentialsSource } from "./layers.ts";

export interface Explanation {
  readonly verdict: Verdict;
  /** Every capability that matches, in their order; the one with the verdict's rule decided. */
  readonly matching: readonly Capability[];
  /** What turns a denial into an allow; undefined for an allow. */
  readonly change: Change | undefined;
}

export interface Change {
  /** Rules that forbid it; all of them have to go. */
  readonly remove: readonly Capability["origin"][];
  /** Needed as well when no permit matches. */
  readonly flag: string | undefined;
  readonly cedar: string | undefined;
}

export function explain(decider: Decider, attempt: Attempt): Explanation {
  const verdict = decider.decide(attempt);
  const matching = decider.matching(attempt);
  if (verdict.outcome === "allow") return { verdict, matching, change: undefined };
  const forbids = matching.filter(({ effect }) => effect === "forbid");
  const isPermitted = matching.length > forbids.length;
  // A credential is lifted by its own flag, also inside a folder that is permitted anyway.
  const isCredential = forbids.some(({ origin }) => origin.source === credentialsSource);
  const grant = isPermitted && !isCredential ? undefined : smallestGrant(attempt);
  const remove = [
    ...new Map(forbids.map(({ origin }) => [JSON.stringify(origin), origin])).values(),
  ];
  return { verdict, matching, change: { remove, flag: grant?.flag, cedar: grant?.cedar } };
}
