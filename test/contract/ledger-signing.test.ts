// Signing, proving and comparing, which every ledger must do alike over every store.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createLedger } from "../../src/ledger/ledger.ts";
import { verifyReceipt } from "../../src/ledger/tree/receipt.ts";
import {
  access,
  ledgerKinds,
  opening,
  recordSession,
  startMs,
  testPolicy,
} from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";

setDefaultTimeout(testMs);

describe.each(ledgerKinds)("a ledger over %s", (_, open) => {
  test("a closed session leaves a checkpoint that verify accepts", async () => {
    const { ledger } = await open();
    const writer = await ledger.openSession(opening(), testPolicy, startMs);
    await writer.append([access("/a")]);
    const end = { last: [], tsUnixMs: startMs + 1, exitStatus: 3, summary: { allowed: 1 } };
    const checkpoint = await writer.close(end);
    const report = await ledger.verify();
    expect(report).toMatchObject({ valid: true, unclosed: [], checkpoint });
    expect(checkpoint.size).toBe(report.eventCount);
    expect((await ledger.session(writer.id))?.exitStatus).toBe(3);
  });

  test("a session's last events are closed and counted with it", async () => {
    const { ledger } = await open();
    const writer = await ledger.openSession(opening(), testPolicy, startMs);
    const last = [access("/a", { count: 3 }), access("/b")];
    await writer.close({ last, tsUnixMs: startMs + 1, exitStatus: 0, summary: {} });
    const { events } = await ledger.events({ session: writer.id }, { limit: 9, offset: 0 });
    expect(events.map(({ event_type, seq }) => [event_type, seq])).toEqual([
      ["SESSION_CLOSED", 5],
      ["FILE_READ", 4],
      ["FILE_READ", 3],
      ["COVERAGE", 2],
      ["POLICY_LOADED", 1],
      ["SESSION_OPENED", 0],
    ]);
    expect(events[0]?.payload).toMatchObject({ event_count: 6, access_count: 4, denied_count: 0 });
    expect((await ledger.session(writer.id))?.accessCount).toBe(4);
    expect((await ledger.verify()).valid).toBe(true);
  });

  test("the same tree is signed once", async () => {
    const { ledger } = await open();
    await recordSession(ledger, 3);
    const first = await ledger.checkpoint();
    expect(await ledger.checkpoint()).toEqual(first);
    expect(await ledger.checkpoints(9)).toEqual([first]);
  });

  test("a head that could not be remembered as it was signed is when it is asked for again", async () => {
    const { ledger, memory, ...parts } = await open();
    await ledger.openSession(opening(), testPolicy, startMs);
    const remember = () => {
      throw new Error("the disk failed");
    };
    const failing = createLedger({ ...parts, memory: { ...memory, remember } });
    await expect(failing.checkpoint()).rejects.toThrow("the disk failed");
    expect(memory.latest()).toMatchObject({ size: 3 });
    expect(memory.latest()).not.toHaveProperty("isSigned", true);
    const { size, root, origin } = await ledger.checkpoint();
    expect(memory.latest()).toEqual({ size, root, origin, isSigned: true });
    const { length } = memory.all().heads;
    await ledger.checkpoint();
    expect(memory.all().heads).toHaveLength(length);
  });

  test("an open session is reported as unclosed, not as a finding", async () => {
    const { ledger } = await open();
    const { id } = await ledger.openSession(opening(), testPolicy, startMs);
    expect(await ledger.verify()).toMatchObject({ valid: true, unclosed: [id] });
  });

  test("a session that says what it could not store has no end, and verify names it", async () => {
    const { ledger } = await open();
    const whole = await recordSession(ledger, 1);
    const writer = await ledger.openSession(opening(), testPolicy, startMs);
    await writer.lose({ tsUnixMs: startMs + 1, accesses: 7, reason: "the disk is full" });
    const report = await ledger.verify();
    expect(report).toMatchObject({ valid: true, unclosed: [writer.id] });
    expect([...report.losses]).toEqual([[writer.id, { accesses: 7, reason: "the disk is full" }]]);
    expect((await ledger.session(whole.id))?.closedUnixMs).toBe(startMs + 2);
  });

  test("an event is proven to somebody who has only its bytes, a receipt and the key", async () => {
    const { ledger } = await open();
    await recordSession(ledger, 600);
    const key = await ledger.verifierKey();
    for (const index of [0, 1, 255, 256, 511, 603]) {
      const { receipt, body, checkpoint } = await ledger.prove(index);
      const bytes = new TextEncoder().encode(body);
      expect(await verifyReceipt(receipt, bytes, [key])).toBe(true);
      expect(await verifyReceipt(receipt, bytes.subarray(1), [key])).toBe(false);
      expect(checkpoint.size).toBeGreaterThan(index);
    }
  });

  test("an event that no checkpoint covers yet is proven by a new one", async () => {
    const { ledger } = await open();
    await recordSession(ledger, 3);
    await ledger.openSession(opening(), testPolicy, startMs);
    const { checkpoint } = await ledger.prove(7);
    expect(checkpoint.size).toBe(9);
    const missing = await ledger.prove(9).catch((error) => error);
    expect(missing.code).toBe("ledger/not-found");
  });

  test("two checkpoints of one history compare as what they are", async () => {
    const { ledger } = await open();
    await recordSession(ledger, 3);
    const a = await ledger.checkpoint();
    await recordSession(ledger, 300);
    const b = await ledger.checkpoint();
    expect(await ledger.compare(b.note, a.note)).toMatchObject({
      relation: "extends",
      older: a,
      newer: b,
    });
    expect(await ledger.compare(a.note, a.note)).toMatchObject({ relation: "same", proof: [] });
    expect(ledger.compare(a.note, b.note.replace("\n", "x\n"))).rejects.toThrow("is wrong");
  });
});
