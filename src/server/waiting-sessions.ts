// Sessions that wait for their turn, in the order in which they came. Whoever stores an event is
// asked whether its session waits already, so names are looked up as they are: putting them
// together into one key took several times as long. Names are anybody's.

import { ownText } from "../base/own-text.ts";

export interface WaitingSession {
  readonly tenant: string;
  readonly session: string;
}

export interface WaitingSessions {
  readonly size: () => number;
  /** Once, however often it is asked for; beyond the bound not at all. */
  add(waiting: WaitingSession): void;
  /** The next one, which does not wait any more. */
  take(): WaitingSession | undefined;
}

/** @param most at once */
export function createWaitingSessions(most: number): WaitingSessions {
  /** Tenants by the names of their sessions. */
  const names = new Map<string, Set<string>>();
  let size = 0;
  return {
    size: () => size,
    add({ tenant, session }) {
      const tenants = names.get(session);
      if (tenants?.has(tenant) === true || size >= most) return;
      size += 1;
      if (tenants !== undefined) tenants.add(ownText(tenant));
      else names.set(ownText(session), new Set([ownText(tenant)]));
    },
    take() {
      for (const [session, tenants] of names) {
        // Others of this name come after all that wait: else a name that many use had every turn.
        names.delete(session);
        const [tenant = ""] = tenants;
        tenants.delete(tenant);
        if (tenants.size > 0) names.set(session, tenants);
        size -= 1;
        return { tenant, session };
      }
      return undefined;
    },
  };
}
