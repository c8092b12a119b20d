// The events of one session, oldest first and page by page, so that a session of any length can be
// read in bounded memory.

import type { SessionId } from "../base/ids.ts";
import { ledgerPageSize } from "../base/limits.ts";
import type { SealedEvent } from "../model/event.ts";
import type { Ledger } from "./contract.ts";

/**
 * In tree order from the session's first event to its last: other sessions may lie between.
 * @throws {AegisError} `ledger/purged`
 */
export async function* sessionEvents(
  ledger: Ledger,
  id: SessionId,
): AsyncIterable<readonly SealedEvent[]> {
  const newest = (await ledger.events({ session: id }, { limit: 1, offset: 0 })).events[0];
  const first = await ledger.indexOf(id, 0);
  if (newest === undefined || first === undefined) return;
  for (let after = first - 1; ; ) {
    const page = await ledger.eventsAfter(after, ledgerPageSize);
    const own = page.map(({ event }) => event).filter(({ session_id }) => session_id === id);
    yield own;
    const last = page.at(-1);
    if (last === undefined || own.some(({ seq }) => seq === newest.seq)) return;
    after = last.index;
  }
}
