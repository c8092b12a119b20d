// Reads of many rows, one at a time: SQLite answers at once and memory does too, so what reads page
// after page would never let anybody else have an answer.

import type { Store } from "../store.ts";

/** The same store, whose reads of several rows begin after whatever else waits has had its turn. */
export function inTurns(store: Store): Store {
  return {
    ...store,
    chain: (...given) => next().then(() => store.chain(...given)),
    eventsFrom: (...given) => next().then(() => store.eventsFrom(...given)),
    sessionsUnder: (...given) => next().then(() => store.sessionsUnder(...given)),
    records: (...given) => next().then(() => store.records(...given)),
  };
}

function next(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
