// Bits turned over: each one of every stored event, and random ones of the whole database file. A
// turned bit is found, or it changes nothing that anybody can read.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { AegisError } from "../../src/base/errors.ts";
import type { VerifyReport } from "../../src/ledger/contract.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import type { StoredEvent } from "../../src/ledger/store.ts";
import { createEventCheck } from "../../src/ledger/verify/events.ts";
import { verifySnapshot } from "../../src/ledger/verify/verify.ts";
import { memoryLedger, recordSession, sqliteLedger } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { seededRandom } from "../support/random-json.ts";

/** One session of 200 events. */
const accesses = 196;

function isModified(event: StoredEvent): boolean {
  const check = createEventCheck([], []);
  check.add([event]);
  return check.finish().findings.some(({ kind }) => kind === "modified");
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

test(
  "every bit of the content and the hash of 200 events",
  async () => {
    const { ledger, store } = memoryLedger();
    await recordSession(ledger, accesses);
    const { events } = store.rows;
    expect(events).toHaveLength(200);
    let flips = 0;
    for (const event of events) {
      expect(isModified(event)).toBe(false);
      for (const part of ["body", "leaf"] as const) {
        const bits = event[part].length * 8;
        for (let bit = 0; bit < bits; bit++) {
          const found = isModified({ ...event, [part]: flipped(event[part], bit) });
          if (!found) throw new Error(`bit ${bit} of the ${part} of event ${event.index}`);
        }
        flips += bits;
      }
    }
    console.log(`ledger flips: ${flips} bits turned, each found`);
  },
  testMs,
);

test("one bit of every event, in the whole ledger, is found at that event", async () => {
  const { ledger, store, memory } = memoryLedger();
  await recordSession(ledger, accesses);
  const random = seededRandom(11);
  const { events } = store.rows;
  const outside = {
    remembered: memory.all(),
    memoryPlace: "memory",
    verifierKey: undefined,
    recordKey: undefined,
    areRecordsSealed: true,
    restored: undefined,
  };
  for (const [i, event] of [...events].entries()) {
    const bit = Math.floor(random() * event.body.length * 8);
    events[i] = { ...event, body: flipped(event.body, bit) };
    const { findings } = await verifySnapshot(await store.snapshot(), outside);
    expect(findings.map(({ kind, index }) => [kind, index])).toEqual([["modified", i]]);
    events[i] = event;
  }
});

test(
  "random bits of the database file",
  async () => {
    const { ledger, path, keys, memory } = sqliteLedger();
    await recordSession(ledger, accesses);
    await ledger.close();
    const genuine = readFileSync(path);
    const verifierKey = await keys.verifierKey();
    const outside = {
      remembered: memory.all(),
      memoryPlace: "memory",
      verifierKey,
      recordKey: undefined,
      areRecordsSealed: true,
      restored: undefined,
    };

    async function readBack(): Promise<{ report: VerifyReport; bodies: string } | undefined> {
      try {
        const store = openSqliteStore(path);
        try {
          const snapshot = await store.snapshot();
          try {
            const report = await verifySnapshot(snapshot, outside);
            const events = await snapshot.eventsFrom(0, 1000);
            return {
              report,
              bodies: events.map(({ body }) => Buffer.from(body).toString()).join(),
            };
          } finally {
            await snapshot.close();
          }
        } finally {
          await store.close();
        }
      } catch (error) {
        expect(error).toBeInstanceOf(AegisError);
        return undefined;
      }
    }

    const before = await readBack();
    expect(before?.report.valid).toBe(true);
    const random = seededRandom(13);
    const count = Number(process.env.AEGIS_FILE_FLIPS ?? 400);
    const outcomes = { refused: 0, found: 0, harmless: 0 };
    for (let i = 0; i < count; i++) {
      const bit = Math.floor(random() * genuine.length * 8);
      writeFileSync(path, flipped(genuine, bit));
      const after = await readBack();
      if (after === undefined) outcomes.refused += 1;
      else if (!after.report.valid) outcomes.found += 1;
      else {
        if (after.bodies !== before?.bodies) throw new Error(`bit ${bit} changed an event unseen`);
        outcomes.harmless += 1;
      }
    }
    console.log(`ledger flips: ${count} bits of the file:`, JSON.stringify(outcomes));
    expect(outcomes.found).toBeGreaterThan(count / 8);
  },
  testMs,
);
