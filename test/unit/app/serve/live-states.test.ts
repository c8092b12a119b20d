// The states of sessions that are kept in memory: those of before are read again, and are the same.

import { expect, test } from "bun:test";
import { createLiveStates } from "../../../../src/app/serve/live-states.ts";
import { liveStatesMax, liveStatesSizeMax } from "../../../../src/base/limits.ts";
import { createControlLog } from "../../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../../src/ledger/memory.ts";

/** Sessions of one event each, and which of them have to be read when they are asked for. */
async function opened(sessions: number, nameLength: number) {
  const inner = createControlLog(createMemoryStore("aegis.local/states"));
  const counts = { read: 0 };
  const log: typeof inner = {
    ...inner,
    events(query) {
      counts.read += 1;
      return inner.events(query);
    },
  };
  for (let at = 0; at < sessions; at++) {
    const payload = new Map([["tool_name", `${at}`.padStart(nameLength, "-")]]);
    const place = { tenant: "acme", user: "u", session: `s${at}`, tsUnixMs: 1 };
    await log.append([{ ...place, type: "TOOL_CALL_PROPOSED", payload }]);
  }
  const states = createLiveStates(log);
  return async (at: number) => {
    counts.read = 0;
    const state = await states.current("acme", `s${at}`);
    expect(state.last_outcomes.last_tool_name).toEndWith(`${at}`);
    return counts.read > 0;
  };
}

test("a bounded number is kept", async () => {
  const isRead = await opened(liveStatesMax + 1, 4);
  for (let at = 0; at < liveStatesMax; at++) expect(await isRead(at)).toBeTrue();
  expect(await isRead(0)).toBeFalse();
  expect(await isRead(liveStatesMax)).toBeTrue();
  // That one took the place of the one that was asked for longest ago.
  expect(await isRead(0)).toBeFalse();
  expect(await isRead(1)).toBeTrue();
});

test("and of those that are large, fewer", async () => {
  const length = 3_000_000;
  const fitting = Math.floor(liveStatesSizeMax / length / 2);
  const isRead = await opened(fitting + 1, length);
  for (let at = 0; at < fitting; at++) expect(await isRead(at)).toBeTrue();
  expect(await isRead(0)).toBeFalse();
  expect(await isRead(fitting)).toBeTrue();
  expect(await isRead(1)).toBeTrue();
});
