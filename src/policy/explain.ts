// Why an attempt is allowed or denied: every rule that speaks about it, the one that decided, and
// the smallest change.

import type { Attempt } from "../model/attempt.ts";
import type { Capability } from "../model/capability.ts";
import type { Verdict } from "../model/verdict.ts";
import { flawOf } from "./attempt.ts";
import type { Decider } from "./decide.ts";
import { liftingFlag, smallestGrant, socketGrant } from "./grant.ts";
import { credentialsSource, socketsSource } from "./layers.ts";

export interface Explanation {
  readonly verdict: Verdict;
  /** Every capability that matches, in their order; the one with the verdict's rule decided. */
  readonly matching: readonly Capability[];
  /** What turns a denial into an allow; undefined for an allow and for what cannot be judged. */
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
  if (verdict.outcome === "allow" || flawOf(attempt) !== undefined)
    return { verdict, matching, change: undefined };
  const forbids = matching.filter(({ effect }) => effect === "forbid");
  const isPermitted = matching.length > forbids.length;
  // What is lifted by its own flag is lifted inside a folder that is permitted anyway as well.
  const isLiftable = forbids.some(({ origin: { source } }) => isLifted(source));
  const grant = isPermitted && !isLiftable ? undefined : smallestGrant(attempt);
  const remove = [
    ...new Map(forbids.map(({ origin }) => [JSON.stringify(origin), origin])).values(),
  ];
  const isSocket = forbids.length > 0 && remove.every(({ source }) => source === socketsSource);
  const granting = isLiftable ? (grant?.flag ?? liftingFlag(attempt)) : grant?.flag;
  const flag =
    isSocket && attempt.action === "FileWrite" ? socketGrant(attempt.resource.path) : granting;
  return { verdict, matching, change: { remove, flag, cedar: grant?.cedar } };
}

/** True for a source of forbids that a flag lifts, path by path. */
export function isLifted(source: string): boolean {
  return source === credentialsSource || source === socketsSource;
}
