// Purging, over every store: what goes, what stays, and that nobody without the key can do it.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { parseJsonText } from "../../src/base/json-text.ts";
import type { Ledger, PurgeWish } from "../../src/ledger/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { sealRecords } from "../../src/ledger/control/sealed-store.ts";
import { stepsPrefix } from "../../src/ledger/control/session-records.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import type { Store } from "../../src/ledger/store.ts";
import { proveEvent } from "../../src/ledger/tree/claims.ts";
import {
  access,
  ledgerKinds,
  opening,
  recordSession,
  startMs,
  type TestLedger,
  testPolicy,
} from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { throughKeys } from "../support/rich-ledger.ts";

setDefaultTimeout(testMs);

const dayMs = 86_400_000;
const wish: PurgeWish = {
  beforeUnixMs: startMs + dayMs,
  tsUnixMs: startMs + 31 * dayMs,
  by: "me",
  command: ["aegis", "audit", "purge", "30d"],
  directory: "/",
};
const everything = { limit: 10_000, offset: 0 };

/** Something that this machine timed, behind what clients recorded. */
function date(ledger: Ledger, tsUnixMs = startMs) {
  return ledger.openSession(opening({ name: "open" }), testPolicy, tsUnixMs);
}

/** As a server keeps it, for ten minutes. */
function approvalOf(session: string, created_ms: number, name = session, tenant = "acme") {
  const expires_ms = created_ms + 600_000;
  const approval = { tenant_id: tenant, session_id: session, created_ms, expires_ms };
  const json = JSON.stringify({ ...approval, status: "PENDING" });
  return { kind: "approval", key: `${tenant}/${name}-hash`, json };
}

/** Recorded a month after all others. */
async function recordNew({ ledger }: TestLedger) {
  const tsUnixMs = startMs + 30 * dayMs;
  const writer = await ledger.openSession(opening({ name: "new" }), testPolicy, tsUnixMs);
  await writer.append([{ ...access("/usr/new"), tsUnixMs }]);
  await writer.close({ last: [], tsUnixMs, exitStatus: 0, summary: {} });
  return writer.id;
}

async function filled(open: () => Promise<TestLedger>) {
  const opened = await open();
  const { ledger } = opened;
  const old = await recordSession(ledger, 300, {
    tag: "planted-tag",
    command: ["planted-command"],
  });
  const running = await ledger.openSession(opening({ name: "open" }), testPolicy, startMs);
  await running.append([access("/usr/open")]);
  const older = await recordSession(ledger, 20);
  const fresh = await recordNew(opened);
  return { ...opened, old: old.id, older: older.id, running, fresh };
}

async function code(trying: Promise<unknown>): Promise<unknown> {
  return trying.then(
    () => "no error",
    (error: { code?: unknown }) => error.code ?? error,
  );
}

describe.each(ledgerKinds)("purging over %s", (_, open) => {
  test("takes old ended sessions out, keeps all others, and everything verifies", async () => {
    const { ledger, old, older, running, fresh, ...parts } = await filled(open);
    const before = await ledger.checkpoint();
    const receipt = await ledger.prove(before.size - 1);
    const total = (await ledger.events({}, everything)).total;
    expect(await ledger.purgeable(wish.beforeUnixMs)).toEqual({
      sessionCount: 2,
      eventCount: 304 + 23,
    });
    const purged = await ledger.purge(wish);
    expect(purged).toMatchObject({ sessionCount: 2, eventCount: 327 });
    const report = await ledger.verify();
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ valid: true, purged: 327, eventCount: total + 4, warnings: [] });
    expect(report.unclosed).toEqual([running.id]);

    const left = await ledger.events({}, everything);
    expect(left.total).toBe(total - 327 + 4);
    expect(left.events).toHaveLength(left.total);
    const ids = new Set(left.events.map(({ session_id }) => session_id));
    expect(ids).toEqual(new Set([running.id, fresh, purged.recorded?.session ?? running.id]));
    expect(await ledger.eventsAfter(-1, 10_000)).toHaveLength(left.total);
    const told = left.events.filter(({ event_type }) => event_type === "SESSION_PURGED");
    expect(told.map(({ payload }) => payload.session)).toEqual([older, old]);
    expect(told[0]?.payload).toMatchObject({
      by: "me",
      event_count: 23,
      before_ms: wish.beforeUnixMs,
    });

    const listed = await ledger.sessions({ last: 10 });
    expect(listed.map(({ purged }) => purged === true)).toEqual([false, false, true, false, true]);
    expect(listed.at(-1)).toMatchObject({
      ...{ id: old, name: "agent", accessCount: 300, exitStatus: 0, openedUnixMs: startMs },
      ...{ command: [], directory: "", tag: undefined },
    });
    expect(await code(ledger.events({ session: old }, everything))).toBe("ledger/purged");
    expect(await code(ledger.tag(old, "x", startMs))).toBe("ledger/purged");
    expect(await code(proveEvent({ ...parts }, 0))).toBe("ledger/purged");
    // What was proven before still is, and what is there can be.
    const after = await ledger.checkpoint();
    expect(await ledger.prove(before.size - 1)).toMatchObject({ body: receipt.body });
    expect(await ledger.compare(before.note, after.note)).toMatchObject({ relation: "extends" });
    // Those that go on do, and a new one knows its policy.
    await running.append([access("/usr/more")]);
    await recordSession(ledger, 3, { name: "later" });
    expect((await ledger.verify()).findings).toEqual([]);
    expect((await ledger.policyHistory(10)).length).toBeGreaterThan(2);
  });

  test("does it once, again for what became old, and says when there is nothing", async () => {
    const { ledger } = await filled(open);
    const { recorded } = await ledger.purge(wish);
    const nothing = { sessionCount: 0, eventCount: 0, recorded: undefined };
    expect(await ledger.purge(wish)).toEqual(nothing);
    const later = { ...wish, beforeUnixMs: startMs + 40 * dayMs, tsUnixMs: startMs + 41 * dayMs };
    expect(await ledger.purge(later)).toMatchObject({ sessionCount: 1, eventCount: 5 });
    // What a purge says is never purged.
    const all = await ledger.sessions({ last: 100 });
    expect(all.find(({ id }) => id === recorded?.session)?.purged).toBeUndefined();
    expect((await ledger.verify()).findings).toEqual([]);
  });

  test("keeps a session to which something was added later, by a tag or by its client", async () => {
    const { ledger, store, old, older } = await filled(open);
    await ledger.tag(old, "kept", startMs + 29 * dayMs);
    expect(await ledger.purge(wish)).toMatchObject({ sessionCount: 1 });
    expect((await store.session(older))?.lastHash).toBe("");
    expect((await ledger.session(old))?.tag).toBe("kept");
    expect((await ledger.verify()).findings).toEqual([]);
  });

  test("of clients takes the records about them as well, and lets nothing follow", async () => {
    const { ledger, store: inner, ...outside } = await open();
    const store = await sealRecords(inner, outside);
    const log = createControlLog(store);
    const event = (session: string, type: string, tsUnixMs: number, key: string) => ({
      ...{ tenant: "acme", user: "u", session, type, tsUnixMs, idempotencyKey: key },
      payload: parseJsonText(`{"approval_token_hash":"${session}-hash"}`),
    });
    const late = startMs + 30 * dayMs;
    await log.append([
      event("gone", "TOOL_CALL_PROPOSED", startMs, "g0"),
      event("kept", "TOOL_CALL_PROPOSED", startMs, "k0"),
      event("gone", "TERMINATION", startMs + 1, "g1"),
      event("kept", "TERMINATION", late, "k1"),
    ]);
    await date(ledger);
    for (const session of ["gone", "kept"]) {
      const steps = `${stepsPrefix("acme", session)}000000000000`;
      await store.putRecord({ kind: "steps", key: steps, json: '"00"' }, undefined);
      await store.putRecord(approvalOf(session, startMs), undefined);
    }
    await store.putRecord(approvalOf("gone", wish.tsUnixMs, "waiting"), undefined);
    const keys = async (kind: string) => (await store.records(kind, "", 100)).map(({ key }) => key);
    const steps = await keys("steps");
    expect(await ledger.purge(wish)).toMatchObject({ sessionCount: 1, eventCount: 2 });
    expect(await keys("idempotency")).toEqual(["acme/k0", "acme/k1"]);
    // What was asked at the end may still be allowed and go on.
    expect(await keys("approval")).toEqual(["acme/kept-hash", "acme/waiting-hash"]);
    expect(steps.length - (await keys("steps")).length).toBe(1);
    expect(await store.record("steps", `${stepsPrefix("acme", "kept")}000000000000`)).toBeDefined();
    const [again] = await log.append([event("gone", "TOOL_CALL_PROPOSED", late, "g2")]);
    expect(again).toMatchObject({ kind: "refused", code: "session_purged" });
    const [next] = await log.append([event("kept", "TOOL_CALL_PROPOSED", late, "k2")]);
    expect(next).toMatchObject({ kind: "stored", seq: 2 });
    const listed = await log.sessions("acme", 10);
    expect(listed.map(({ session, purged, eventCount }) => [session, purged, eventCount])).toEqual([
      ["kept", false, 3],
      ["gone", true, 2],
    ]);
    expect(await log.events({ tenant: "acme", limit: 100 })).toHaveLength(3);
    expect((await ledger.verify()).findings).toEqual([]);
  });

  test("keeps what only a client says is old, until what aegis timed after it is", async () => {
    const { ledger, store } = await open();
    const log = createControlLog(store);
    const event = (session: string, type: string, tsUnixMs = 1000) => ({
      ...{ tenant: "acme", user: "u", session, type, tsUnixMs, payload: null },
    });
    await date(ledger);
    await log.append([event("fresh", "X"), event("fresh", "TERMINATION"), event("long", "X")]);
    expect(await ledger.purgeable(wish.beforeUnixMs)).toMatchObject({ sessionCount: 0 });
    const first = await ledger.purge(wish);
    expect(first).toMatchObject({ sessionCount: 0, eventCount: 0 });
    expect(first.recorded).toBeDefined();
    // All there is has been dated.
    expect((await ledger.purge(wish)).recorded).toBeUndefined();
    await log.append([event("long", "TERMINATION")]);
    const later = { tsUnixMs: wish.tsUnixMs + 31 * dayMs, beforeUnixMs: wish.tsUnixMs };
    expect(await ledger.purge({ ...wish, ...later })).toMatchObject({ sessionCount: 0 });
    const next = { ...wish, ...later, beforeUnixMs: wish.tsUnixMs + 1 };
    expect(await ledger.purge(next)).toMatchObject({ sessionCount: 1, eventCount: 2 });
    const sessions = await log.sessions("acme", 10);
    expect(sessions.map(({ session, purged }) => [session, purged])).toEqual([
      ["long", false],
      ["fresh", true],
    ]);
    const last = { ...next, tsUnixMs: later.tsUnixMs + 2, beforeUnixMs: later.tsUnixMs + 1 };
    expect(await ledger.purge(last)).toMatchObject({ sessionCount: 1, eventCount: 2 });
    expect(await ledger.verify()).toMatchObject({ valid: true, purged: 4, findings: [] });
  });

  test("takes no approval of another session or tenant, whatever a client says", async () => {
    const { ledger, store: inner, keys, memory } = await open();
    const outside = { keys, memory };
    const clear = await sealRecords(inner, outside);
    const store = throughKeys(clear);
    const log = createControlLog(store);
    const mine = { tenant: "secretive", user: "u", session: "mine", tsUnixMs: startMs };
    const about = (name: string) => parseJsonText(`{"approval_token_hash":"${name}-hash"}`);
    const types = ["APPROVAL_REQUESTED", "NOTE"];
    await log.append([
      ...types.map((type) => ({ ...mine, type, payload: about("other") })),
      { ...mine, type: "TERMINATION", payload: null },
    ]);
    await date(ledger);
    for (const session of ["mine", "other"]) {
      await store.putRecord(approvalOf(session, startMs, session, "secretive"), undefined);
      await clear.putRecord(approvalOf(session, startMs), undefined);
    }
    const withKeys = createLedger({ store: throughKeys(inner), ...outside });
    expect(await withKeys.purge(wish)).toMatchObject({ sessionCount: 1, eventCount: 3 });
    const left = (await inner.records("approval", "", 100)).map(({ key }) => key);
    expect(left).toEqual(["acme/mine-hash", "acme/other-hash", "secretive/other-hash"]);
    expect((await withKeys.verify()).findings).toEqual([]);
  });

  test("does nothing where one of the sessions is added to meanwhile", async () => {
    const { ledger, store, keys, memory, old } = await filled(open);
    const late: Store = {
      ...store,
      async appendMany(needs, build) {
        await ledger.tag(old, "meanwhile", startMs + 2);
        return store.appendMany(needs, build);
      },
    };
    const before = await store.head();
    expect(await code(createLedger({ store: late, keys, memory }).purge(wish))).toBe(
      "ledger/conflict",
    );
    expect((await store.head()).size).toBe(before.size + 1);
    expect(await ledger.verify()).toMatchObject({ purged: 0, findings: [] });
    expect(await ledger.purge(wish)).toMatchObject({ sessionCount: 2 });
  });

  test("opens what is encrypted, and refuses where it cannot", async () => {
    const { ledger, store, keys, memory } = await open();
    const opened = throughKeys(store);
    const log = createControlLog(opened);
    const event = { tenant: "secretive", user: "u", session: "s", payload: null };
    await log.append([
      { ...event, type: "X", tsUnixMs: startMs },
      { ...event, type: "TERMINATION", tsUnixMs: startMs },
    ]);
    await date(ledger);
    expect(await code(ledger.purge(wish))).toBe("ledger/encrypted");
    const withKeys = createLedger({ store: opened, keys, memory });
    expect(await withKeys.purge(wish)).toMatchObject({ sessionCount: 1, eventCount: 2 });
    for (const one of [ledger, withKeys]) {
      expect(await one.verify()).toMatchObject({ purged: 2, unopened: 0, findings: [] });
    }
  });

  test("refuses while the ledger does not verify", async () => {
    const { ledger, store } = await filled(open);
    const node = { level: 20, position: 20, hash: new Uint8Array(32) };
    const writer = await ledger.openSession(opening(), testPolicy, startMs);
    await store.append(writer.id, ({ head, session }) => {
      if (session === undefined) throw new Error("no session");
      const state = { ...session, nextSeq: session.nextSeq + 1 };
      const event = {
        ...{ index: head.size, session: writer.id, seq: session.nextSeq, tsUnixMs: 0, type: "X" },
        ...{ decision: undefined, leaf: new Uint8Array(32), body: "no event" },
      };
      const grown = { ...head, size: head.size + 1 };
      return { events: [event], head: grown, nodes: [node], session: state, policyLoad: undefined };
    });
    expect(await code(ledger.purge(wish))).toBe("ledger/tampered");
    expect((await ledger.verify()).purged).toBe(0);
  });
});
