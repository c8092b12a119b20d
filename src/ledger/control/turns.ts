// Reads of many rows, one at a time: SQLite answers at once and memory does too, so what reads page
// after page would never let anybody else have an answer.

import { nextTurn } from "../../base/turn.ts";
import type { Store } from "../store.ts";

/** The same store, whose reads of several rows begin after whatever else waits has had its turn. */
export function inTurns(store: Store): Store {
  return {
    ...store,
    chain: (...given) => nextTurn().then(() => store.chain(...given)),
    eventsFrom: (...given) => nextTurn().then(() => store.eventsFrom(...given)),
    sessionsUnder: (...given) => nextTurn().then(() => store.sessionsUnder(...given)),
    records: (...given) => nextTurn().then(() => store.records(...given)),
  };
}
