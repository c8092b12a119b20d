// What the recorder of steps keeps of sessions that wait for their turn.

import { expect, test } from "bun:test";
import type { LoggedEvent } from "../../../src/ledger/control/contract.ts";
import { createControlLog } from "../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import { createStepRecorder } from "../../../src/server/steps.ts";
import { megabytesKept } from "../../support/kept-memory.ts";

test("their names, and nothing of the requests that they were cut from", async () => {
  const log = createControlLog(createMemoryStore("aegis.local/steps"));
  const stored: ((event: LoggedEvent) => void)[] = [];
  const recorder = createStepRecorder({
    ...log,
    onStored(listener) {
      stored.push(listener);
      return () => undefined;
    },
  });
  const place = { user: "", type: "ANY", payload: {}, prevHash: "", hash: "" };
  // Within one turn of the event loop: none of them has had its turn when memory is looked at.
  const kept = await megabytesKept(() => {
    for (let at = 0; at < 100; at++) {
      const request = `acme/session-${String(at).padStart(4, "0")}${"x".repeat(200_000)}`;
      const [tenant, session] = [request.slice(0, 4), request.slice(5, 17)];
      const event = { ...place, tenant, session, seq: 0, index: at, tsUnixMs: 1 };
      for (const listener of stored) listener(event);
    }
    return recorder;
  });
  expect(kept).toBeLessThan(4);
  await recorder.stop();
});
