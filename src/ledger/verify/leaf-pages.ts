// Every leaf of the tree in its order: events, and what is left of those that were purged.

import { ledgerPageSize } from "../../base/limits.ts";
import type { PurgedEvent, Snapshot, StoredEvent } from "../store.ts";

export type Leaf = StoredEvent | PurgedEvent;

export async function* leafPages(
  snapshot: Pick<Snapshot, "eventsFrom" | "purgedFrom">,
): AsyncGenerator<readonly Leaf[]> {
  for (let first = 0; ; ) {
    const events = await snapshot.eventsFrom(first, ledgerPageSize);
    const purged = await snapshot.purgedFrom(first, ledgerPageSize);
    const end = Math.min(events.at(-1)?.index ?? Infinity, endOf(purged));
    const page = purged.length === 0 ? events : merged(events, purged, end);
    if (page.length > 0) yield page;
    const next = (page.at(-1)?.index ?? -1) + 1;
    // A damaged file can give rows that are out of order: no reason to go round.
    if (next <= first) return;
    first = next;
  }
}

/** As far as the page reaches: what the events have behind it comes later. */
function endOf(page: readonly PurgedEvent[]): number {
  return page.length < ledgerPageSize ? Infinity : (page.at(-1)?.index ?? Infinity);
}

function merged(
  events: readonly StoredEvent[],
  purged: readonly PurgedEvent[],
  end: number,
): readonly Leaf[] {
  const all: readonly Leaf[] = [...events, ...purged];
  return all.filter(({ index }) => index <= end).sort((a, b) => a.index - b.index);
}
