// Which skips are honest. A test of the kernel names in its title what it needs
// (test/support/features.ts); when the machine has all of that, or nothing is named, the skip hides
// a test that could have run.

import { isRoot } from "../../test/support/harness.ts";
import { has, type Need, plainUserHasNamespaces } from "../../test/support/probes.ts";

/** A machine as one account sees it. */
export type Offer = (need: Need) => boolean;

const reason = /\(skipped, needs: ([^)]+)\)$/;

/** The skips of `labels` that this machine gives no reason for. */
export function dishonestSkips(labels: readonly string[], offers: Offer): string[] {
  return labels.filter((label) => {
    const needs = reason.exec(label)?.[1]?.split(", ") ?? [];
    return needs.every((need) => offers(need as Need));
  });
}

/** What this process could do. */
export const ownOffer: Offer = has;

/** What a plain user could do, asked by root. Tools are looked for in `path`. */
export function plainUserOffer(path: string): Offer {
  return (need) => {
    if (need.startsWith("tool "))
      return Bun.which(need.slice("tool ".length), { PATH: path }) !== null;
    if (need === "root") return false;
    if (need === "plain user") return true;
    if (need === "userns" && isRoot()) return plainUserHasNamespaces();
    return has(need);
  };
}
