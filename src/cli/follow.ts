// Entries as they come in, until the reader goes away. The ledger is asked again and again: another
// process writes it, and SQLite tells nobody.

import type { EventFilter, Ledger } from "../ledger/contract.ts";
import type { SealedEvent } from "../model/event.ts";
import type { CliContext } from "./context.ts";
import { writeOut } from "./output.ts";
import { entryOf } from "./query.ts";
import { entryLine } from "./render/entry.ts";
import { jsonLine } from "./render/json.ts";

/** How often to look, milliseconds: what a person takes for "at once". */
const pollMs = 250;
/** Entries fetched at a time. */
const batchMax = 500;

/** Calls `show` with every event after the newest one, in order, until it gives false. */
export async function eachNewEvent(
  ledger: Ledger,
  after: number,
  show: (event: SealedEvent, index: number) => boolean,
): Promise<void> {
  let last = after;
  for (;;) {
    const batch = await ledger.eventsAfter(last, batchMax);
    for (const { index, event } of batch) {
      last = index;
      if (!show(event, index)) return;
    }
    if (batch.length === 0) await Bun.sleep(pollMs);
  }
}

/** Tree index of the newest event, -1 when there is none. */
export async function newestIndex(ledger: Ledger): Promise<number> {
  return (await ledger.size()) - 1;
}

/** Prints the last entries that pass the filter, then those that come in; the exit status is 0. */
export async function follow(
  ledger: Ledger,
  options: {
    readonly filter: EventFilter;
    readonly last: number;
    /** All that is in the ledger is new. */
    readonly isNew: boolean;
    readonly json: boolean;
    readonly context: CliContext;
  },
): Promise<number> {
  const { filter, json, context } = options;
  const print = (event: SealedEvent) =>
    writeOut(json ? jsonLine(entryOf(event)) : entryLine(event, context.colour));
  const after = options.isNew ? -1 : await newestIndex(ledger);
  const recent =
    options.last === 0 || options.isNew ? [] : await newest(ledger, filter, options.last);
  for (const event of recent) if (!print(event)) return 0;
  // What came in between the two questions is in both answers.
  const shown = new Set(recent.map(({ hash }) => hash));
  await eachNewEvent(ledger, after, (event) => {
    return shown.has(event.hash) || !passes(event, filter) || print(event);
  });
  return 0;
}

async function newest(
  ledger: Ledger,
  filter: EventFilter,
  last: number,
): Promise<readonly SealedEvent[]> {
  const { events } = await ledger.events(filter, { limit: last, offset: 0 });
  return [...events].reverse();
}

/** The part of a filter that can stand beside --follow, on one event. */
function passes(event: SealedEvent, filter: EventFilter): boolean {
  const { payload } = event;
  return (
    (filter.session === undefined || event.session_id === filter.session) &&
    (filter.decision === undefined || payload.decision === filter.decision)
  );
}
