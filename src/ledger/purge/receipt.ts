// When clients' events were received at the latest. Their times are the clients' own; the beginning
// of a session of this machine is timed by its clock, and what stands before it in the tree was
// there already.

import { ledgerPageSize } from "../../base/limits.ts";
import { readSessionKey } from "../control/foreign.ts";
import { isPurged, type SessionState } from "../session-state.ts";
import type { Store } from "../store.ts";

type Reading = Pick<Store, "indexOf" | "eventsFrom">;

/**
 * @param sessions newest first
 * @returns tree index before which everything was received before that moment; 0: nobody knows
 */
export async function receivedBefore(
  store: Pick<Store, "indexOf">,
  sessions: readonly SessionState[],
  beforeUnixMs: number,
): Promise<number> {
  for (const state of sessions) {
    if (!isOwn(state) || state.openedUnixMs >= beforeUnixMs) continue;
    const index = await store.indexOf(state.id, 0);
    if (index !== undefined) return index;
  }
  return 0;
}

/**
 * Whether a client's event stands behind the last of these beginnings.
 * @param sessions newest first
 */
export async function hasUndated(
  store: Reading,
  sessions: readonly SessionState[],
): Promise<boolean> {
  for (let first = await receivedBefore(store, sessions, Infinity); ; ) {
    const page = await store.eventsFrom(first, ledgerPageSize);
    if (page.some(({ session }) => readSessionKey(session) !== undefined)) return true;
    const last = page.at(-1);
    if (last === undefined) return false;
    first = last.index + 1;
  }
}

/** Where a session that was purged began is not known any more. */
function isOwn(state: SessionState): boolean {
  return readSessionKey(state.id) === undefined && !isPurged(state);
}
