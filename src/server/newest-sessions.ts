// The sessions that somebody wrote to last, for a server that starts: what the one before it was
// about when it was killed is among them.

import type { ControlLog, LoggedEvent } from "../ledger/control/contract.ts";

/** Events looked at; sessions without any of them are left to whoever asks for them. */
const eventsMax = 10_000;
/** Events read at once. */
const pageSize = 500;

/** Each once, oldest first. */
export async function* newestSessions(
  log: ControlLog,
): AsyncGenerator<Pick<LoggedEvent, "tenant" | "session">> {
  const seen = new Set<string>();
  let index = Math.max(-1, (await log.size()) - 1 - eventsMax);
  for (;;) {
    const events = await log.after(index, pageSize);
    for (const { tenant, session, index: at } of events) {
      index = at;
      const key = JSON.stringify([tenant, session]);
      if (!seen.has(key)) yield { tenant, session };
      seen.add(key);
    }
    if (events.length === 0) return;
  }
}
