// Another process adds and signs between any two reads of a signer or a verifier: that is no
// contradiction.

import { expect, test } from "bun:test";
import type { Ledger } from "../../src/ledger/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import type { Store } from "../../src/ledger/store.ts";
import { access, memoryLedger, opening, startMs, testPolicy } from "../support/ledger.ts";

/** As `store`, but `step` happens when the read of this number has its answer. */
function interrupted(store: Store, at: number, step: () => Promise<void>): Store {
  let count = 0;
  const after = async <T>(answer: T): Promise<T> => {
    if (count++ === at) await step();
    return answer;
  };
  return {
    ...store,
    head: async () => after(await store.head()),
    checkpoints: async (last) => after(await store.checkpoints(last)),
  };
}

async function addAndSign(ledger: Ledger): Promise<void> {
  const writer = await ledger.openSession(opening(), testPolicy, startMs);
  await writer.append([access("/other")]);
  await ledger.checkpoint();
}

test("a session that is written to while it is verified is whole, and one that lost events is not", async () => {
  const { store } = memoryLedger();
  const log = createControlLog(store);
  const event = { tenant: "acme", user: "", session: "s", type: "T", payload: null, tsUnixMs: 1 };
  await log.append([event, event]);
  const reading = (then: () => Promise<unknown>, keep: (seq: number) => boolean) =>
    createControlLog({
      ...store,
      async chain(query) {
        const page = await store.chain(query);
        await then();
        return { ...page, events: page.events.filter(({ seq }) => keep(seq)) };
      },
    });
  const written = reading(
    () => log.append([event]),
    () => true,
  );
  expect(await written.verify("acme", "s")).toMatchObject({ valid: true });
  const lost = reading(
    () => Promise.resolve(),
    (seq) => seq < 2,
  );
  expect(await lost.verify("acme", "s")).toMatchObject({ valid: false, firstBadSeq: 2 });
});

test.each([0, 1])("after read %d", async (at) => {
  const { store, keys, memory, ledger } = memoryLedger();
  await addAndSign(ledger);
  let steps = 0;
  const signing = createLedger({
    store: interrupted(store, at, async () => {
      steps += 1;
      await addAndSign(ledger);
    }),
    keys,
    memory,
  });
  const { size } = await signing.checkpoint();
  expect(steps).toBe(1);
  expect(size).toBeGreaterThan(0);
  expect((await ledger.verify()).valid).toBe(true);
});
