// The state of sessions as it is now, kept in memory and rebuilt from their events when it is not
// there: after a restart, or when another process wrote meanwhile.

import { liveStatesMax, liveStatesSizeMax } from "../../base/limits.ts";
import { createRecent } from "../../base/recent.ts";
import { stateAt } from "../../control/state/budgets.ts";
import { applyEvent, newState, type SessionState } from "../../control/state/reducer.ts";
import { stateSize } from "../../control/state/size.ts";
import type { ControlLog, NewLoggedEvent } from "../../ledger/control/contract.ts";

export interface LiveStates {
  /** The state after the latest stored event; that of an empty session when there is none. */
  current(tenant: string, session: string): Promise<SessionState>;
}

/** What a decision is made on, whenever it is made: time goes on while a person is waited for. */
export async function stateNow(
  { states, nowMs }: { readonly states: LiveStates; readonly nowMs: () => number },
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Promise<SessionState> {
  return stateAt(await states.current(tenant, id), nowMs());
}

const pageSize = 1000;

export function createLiveStates(log: ControlLog): LiveStates {
  const bounds = { countMax: liveStatesMax, sizeMax: liveStatesSizeMax, sizeOf: stateSize };
  const states = createRecent<SessionState>(bounds);

  function add(state: SessionState, event: NewLoggedEvent): SessionState {
    const { seq, tsUnixMs, type, payload, spelled } = event;
    return applyEvent(state, { seq, tsUnixMs, type, payload, spelled });
  }

  log.onStored((event) => {
    // Where nobody asks about sessions, their names need not be looked up.
    if (states.isEmpty()) return;
    const key = keyOf(event.tenant, event.session);
    const known = states.get(key);
    if (known !== undefined && known.last_seq === event.seq - 1)
      states.keep(key, add(known, event));
  });

  return {
    async current(tenant, session) {
      const key = keyOf(tenant, session);
      const stored = await log.session(tenant, session);
      const count = stored?.eventCount ?? 0;
      let state = states.get(key) ?? newState();
      if (state.last_seq >= count) state = newState();
      // From here on events may come in: they are in the pages, or heard of and already counted.
      while (state.last_seq + 1 < count) {
        const from = await log.event(tenant, session, Math.max(state.last_seq, 0));
        const after = state.last_seq < 0 ? (from?.index ?? 0) - 1 : (from?.index ?? -1);
        const page = await log.events({ tenant, session, after, limit: pageSize });
        const next = page.filter(({ seq }) => seq > state.last_seq);
        if (next.length === 0) break;
        for (const event of next) state = add(state, event);
      }
      states.keep(key, state);
      return state;
    },
  };
}

function keyOf(tenant: string, session: string): string {
  return JSON.stringify([tenant, session]);
}
