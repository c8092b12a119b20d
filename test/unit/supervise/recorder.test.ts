// Accesses become rows: nothing is lost, equal ones are counted, and a ledger that fails stops the
// box.

import { describe, expect, test } from "bun:test";
import type { BoxAccess, BoxRefusal } from "../../../src/enforce/backend.ts";
import { createLedger } from "../../../src/ledger/ledger.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import { createHeadList } from "../../../src/ledger/tree/head-memory.ts";
import { keyFile } from "../../../src/ledger/tree/signer.ts";
import { policySnapshot } from "../../../src/model/policy-snapshot.ts";
import { createRecorder } from "../../../src/supervise/recorder.ts";
import { waitFor } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

function access(path: string, decision: "allow" | "deny" = "allow"): BoxAccess {
  const rule = decision === "allow" ? "base:libraries" : "";
  const payload = { action: "FileRead", path, decision, rule, reason: "r", pid: 7 } as const;
  return { tsUnixMs: 5, payload: { ...payload, exe: "/bin/sh", flags: "openat", count: 1 } };
}

async function openLedger() {
  const store = createMemoryStore("test");
  const keys = keyFile(`${tempDir("keys")}/ledger.key`, store.origin);
  const ledger = createLedger({ store, keys, memory: createHeadList() });
  const snapshot = policySnapshot([]);
  const opening = {
    name: "agent",
    mode: "run",
    command: ["sh"],
    directory: "/w",
    policyHash: snapshot.hash,
    tag: undefined,
    coverage: [],
  };
  return { ledger, writer: await ledger.openSession(opening, snapshot, 1) };
}

/** As the supervisor ends a session. */
async function finish(
  recorder: ReturnType<typeof createRecorder>,
  writer: Awaited<ReturnType<typeof openLedger>>["writer"],
) {
  const { totals, last } = await recorder.finish();
  await writer.close({ last, tsUnixMs: 9, exitStatus: 0, summary: {} });
  return totals;
}

async function rows(ledger: Awaited<ReturnType<typeof openLedger>>["ledger"]) {
  const { events } = await ledger.events({ type: "FILE_READ" }, { limit: 10_000, offset: 0 });
  return events.map(({ payload }) => [payload.path, payload.decision, payload.count]).reverse();
}

describe("createRecorder()", () => {
  test("keeps the end of every connection, and counts none of them twice", async () => {
    const { ledger, writer } = await openLedger();
    const recorder = createRecorder(writer, () => {});
    const end = (connection: number, sent: number): BoxAccess => {
      const { tsUnixMs, payload } = access("a.example");
      const ended = { phase: "closed", count: 0, connection, bytes_sent: sent } as const;
      return { tsUnixMs, payload: { ...payload, protocol: "tcp", ...ended } };
    };
    await recorder.record([access("a.example"), end(1, 10), end(2, 20)]);
    const totals = await finish(recorder, writer);
    expect((await rows(ledger)).map(([, , count]) => count)).toEqual([1, 0, 0]);
    expect(totals.allowed).toBe(1);
  });

  test("merges equal accesses of one window and keeps different ones apart", async () => {
    const { ledger, writer } = await openLedger();
    const recorder = createRecorder(writer, () => {});
    await recorder.record([access("/a"), access("/b"), access("/a"), access("/a", "deny")]);
    const totals = await finish(recorder, writer);
    expect(await rows(ledger)).toEqual([
      ["/a", "allow", 2],
      ["/b", "allow", 1],
      ["/a", "deny", 1],
    ]);
    expect([totals.allowed, totals.denied]).toEqual([3, 1]);
  });

  test("keeps denials of different processes and calls apart, though not what they were let do", async () => {
    const { ledger, writer } = await openLedger();
    const recorder = createRecorder(writer, () => {});
    const by = (decision: "allow" | "deny", pid: number, flags: string) => {
      const { tsUnixMs, payload } = access("/a", decision);
      return { tsUnixMs, payload: { ...payload, pid, flags } };
    };
    for (const decision of ["deny", "allow"] as const)
      await recorder.record([
        by(decision, 7, "unlink"),
        by(decision, 8, "unlink"),
        by(decision, 8, "unlink"),
        by(decision, 8, "rmdir"),
      ]);
    await finish(recorder, writer);
    expect(await rows(ledger)).toEqual([
      ["/a", "deny", 1],
      ["/a", "deny", 2],
      ["/a", "deny", 1],
      ["/a", "allow", 4],
    ]);
  });

  test("merges equal refused calls, and counts none of them as an access", async () => {
    const { ledger, writer } = await openLedger();
    const recorder = createRecorder(writer, () => {});
    const refusal = (pid: number): BoxRefusal => {
      const said = { decision: "deny", rule: "box:calls", reason: "r" } as const;
      return { tsUnixMs: 5, refused: { call: "ptrace", ...said, pid, exe: "/x", times: 1 } };
    };
    await recorder.refuse([refusal(7), refusal(8), refusal(7)]);
    const { denied, refusedCalls } = await finish(recorder, writer);
    const { events } = await ledger.events({ type: "CALL_REFUSED" }, { limit: 10, offset: 0 });
    expect(events.map(({ payload }) => [payload.pid, payload.times])).toEqual([
      [8, 1],
      [7, 2],
    ]);
    expect([denied, [...refusedCalls]]).toEqual([0, [["ptrace", 3]]]);
  });

  test("loses nothing of many batches", async () => {
    const { ledger, writer } = await openLedger();
    const recorder = createRecorder(writer, () => {});
    for (let batch = 0; batch < 50; batch++) {
      const accesses = Array.from({ length: 200 }, (_, at) =>
        access(`/f/${(batch * 200 + at) % 3000}`),
      );
      await recorder.record(accesses);
    }
    const totals = await finish(recorder, writer);
    const counts = (await rows(ledger)).map(([, , count]) => Number(count));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10_000);
    expect(totals.allowed).toBe(10_000);
  });

  test("names the most frequent denials first", async () => {
    const { writer } = await openLedger();
    const recorder = createRecorder(writer, () => {});
    await recorder.record([
      access("/once", "deny"),
      access("/twice", "deny"),
      access("/twice", "deny"),
    ]);
    const { denials } = (await recorder.finish()).totals;
    expect(denials.map(({ path, count }) => [path, count])).toEqual([
      ["/twice", 2],
      ["/once", 1],
    ]);
  });

  test("reports a ledger that fails once, and says how much is not stored", async () => {
    const { writer } = await openLedger();
    const failing = { ...writer, append: async () => Promise.reject(new Error("disk full")) };
    const causes: unknown[] = [];
    const recorder = createRecorder(failing, (cause) => causes.push(cause));
    const accesses = Array.from({ length: 3000 }, (_, at) => access(`/f/${at}`));
    await recorder.record(accesses);
    await recorder.record([access("/later"), access("/later")]);
    const { last, unstored, totals } = await recorder.finish();
    expect(String(unstored?.cause)).toContain("disk full");
    expect([unstored?.accesses, last, totals.allowed]).toEqual([3002, [], 3002]);
    expect(causes).toHaveLength(1);
  });

  test("counts what was stored before a failure as stored", async () => {
    const { writer } = await openLedger();
    let appends = 0;
    const failing: typeof writer = {
      ...writer,
      append: (drafts) =>
        ++appends === 1 ? writer.append(drafts) : Promise.reject(new Error("disk full")),
    };
    const recorder = createRecorder(failing, () => {});
    await recorder.record(Array.from({ length: 2048 }, (_, at) => access(`/first/${at}`)));
    await recorder.record(Array.from({ length: 2049 }, (_, at) => access(`/second/${at}`)));
    expect((await recorder.finish()).unstored?.accesses).toBe(2049);
  });

  test("holds up whoever records while a write takes long, and then loses nothing", async () => {
    const { ledger, writer } = await openLedger();
    const stuck = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const slow: typeof writer = {
      ...writer,
      async append(drafts) {
        begun.resolve();
        await stuck.promise;
        return writer.append(drafts);
      },
    };
    const recorder = createRecorder(slow, () => {});
    recorder.record([access("/first")]);
    await begun.promise;
    // Few rows, so that it is the time that holds them up.
    const held = await waitFor("a record that has to wait", () => {
      const promise = recorder.record([access("/again")]);
      return promise === undefined ? undefined : { promise };
    });
    let isKept = false;
    const kept = held.promise.then(() => {
      isKept = true;
    });
    expect(isKept).toBe(false);
    stuck.resolve();
    await kept;
    expect(recorder.record([access("/last")])).toBeUndefined();
    const totals = await finish(recorder, writer);
    const counts = (await rows(ledger)).map(([, , count]) => Number(count));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(totals.allowed);
  });
});
