// Random ledgers of interleaved sessions, purged at random moments, against what has to be left of
// them; and after each purge a bit of any row that is left, turned over, is found.

import { expect, test } from "bun:test";
import { parseJsonText } from "../../src/base/json-text.ts";
import type { SessionWriter } from "../../src/ledger/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import type { MemoryRows } from "../../src/ledger/memory.ts";
import type { PurgedEvent } from "../../src/ledger/store.ts";
import { rootAt } from "../../src/ledger/tree/proof.ts";
import { access, memoryLedger, opening, startMs, testPolicy } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { seededRandom } from "../support/random-json.ts";

const ledgers = Number(process.env.AEGIS_PURGE_LEDGERS ?? 40);
const stepsMax = 120;
/** Bits turned after each purge. */
const flipsMax = 30;

type Random = () => number;

interface Known {
  lastMs: number;
  lastIndex: number;
  isEnded: boolean;
  isPurged: boolean;
  events: number;
}

function pick<T>(random: Random, from: readonly T[]): T | undefined {
  return from[Math.floor(random() * from.length)];
}

/** One more session, or one more event in one of them, or an end. */
function createHistory(random: Random) {
  const opened = memoryLedger();
  const { ledger, store } = opened;
  const log = createControlLog(store);
  const known = new Map<string, Known>();
  const writers = new Map<string, SessionWriter>();
  let nowMs = startMs;
  const touch = (id: string, events: number, isEnded = false) => {
    const before = known.get(id) ?? { isPurged: false, events: 0 };
    const lastIndex = store.rows.head.size - 1;
    const now = { lastMs: nowMs, lastIndex, isEnded };
    known.set(id, { ...before, ...now, events: before.events + events });
  };
  async function client(type: string): Promise<void> {
    const session = `s${Math.floor(random() * 6)}`;
    const given = { tenant: "acme", user: "u", session, type, tsUnixMs: nowMs };
    const [outcome] = await log.append([{ ...given, payload: parseJsonText("{}") }]);
    const isGone = known.get(`acme/${session}`)?.isPurged === true;
    expect(outcome?.kind).toBe(isGone ? "refused" : "stored");
    if (!isGone) touch(`acme/${session}`, 1, type === "TERMINATION");
  }
  async function step(): Promise<void> {
    nowMs += Math.floor(random() * 100);
    const what = random();
    const writer = pick(random, [...writers.values()]);
    if (what < 0.2 || writer === undefined) {
      const name = `agent-${Math.floor(random() * 3)}`;
      const made = await ledger.openSession(opening({ name }), testPolicy, nowMs);
      writers.set(made.id, made);
      const { nextSeq = 0 } = (await store.session(made.id)) ?? {};
      touch(made.id, nextSeq);
    } else if (what < 0.5) {
      const count = 1 + Math.floor(random() * 20);
      const drafts = Array.from({ length: count }, () => ({ ...access("/a"), tsUnixMs: nowMs }));
      await writer.append(drafts);
      touch(writer.id, count);
    } else if (what < 0.7) {
      await writer.close({ last: [], tsUnixMs: nowMs, exitStatus: 0, summary: {} });
      writers.delete(writer.id);
      touch(writer.id, 1, true);
    } else await client(what < 0.85 ? "X" : "TERMINATION");
  }
  /** What goes, by what is known of the sessions. */
  function gone(beforeUnixMs: number): readonly Known[] {
    const begun = store.rows.events.findLast(
      ({ type, tsUnixMs }) => type === "SESSION_OPENED" && tsUnixMs < beforeUnixMs,
    );
    const isDated = (id: string, { lastIndex }: Known) =>
      !id.includes("/") || lastIndex < (begun?.index ?? 0);
    return [...known]
      .filter(([, one]) => one.isEnded && !one.isPurged && one.lastMs < beforeUnixMs)
      .filter((one) => isDated(...one))
      .map(([, one]) => one);
  }
  return { ...opened, step, gone, known, now: () => nowMs };
}

function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = new Uint8Array(bytes);
  const bit = Math.floor(random() * copy.length * 8);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** Changes one thing, and gives what puts it back. */
function turnOne(rows: MemoryRows, random: Random): () => void {
  const what = random();
  if (what < 0.6 && rows.purged.length > 0) {
    const at = Math.floor(random() * rows.purged.length);
    const before = rows.purged[at] as PurgedEvent;
    const other = pick(
      random,
      [...rows.sessions.keys()].filter((id) => id !== before.session),
    );
    const after =
      what < 0.3 || other === undefined
        ? { ...before, leaf: flipped(before.leaf, random) }
        : { ...before, session: other };
    if (what < 0.1) rows.purged.splice(at, 1);
    else rows.purged[at] = after;
    return () => void rows.purged.splice(at, what < 0.1 ? 0 : 1, before);
  }
  const at = Math.floor(random() * rows.events.length);
  const before = rows.events[at];
  if (before === undefined) throw new Error("no events");
  const part = what < 0.8 ? "body" : "leaf";
  rows.events[at] = { ...before, [part]: flipped(before[part], random) };
  return () => void rows.events.splice(at, 1, before);
}

test(
  "random purges of random ledgers leave what they should, and hide nothing",
  async () => {
    const random = seededRandom(29);
    const counts = { purges: 0, sessions: 0, events: 0, flips: 0 };
    for (let n = 0; n < ledgers; n++) {
      const one = createHistory(random);
      const { ledger, store } = one;
      for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
        const steps = Math.floor(random() * stepsMax);
        for (let step = 0; step < steps; step++) await one.step();
        const root = (await ledger.checkpoint()).root;
        const { size } = store.rows.head;
        const beforeUnixMs = startMs + Math.floor(random() * (one.now() - startMs + 50));
        const wanted = one.gone(beforeUnixMs);
        const eventCount = wanted.reduce((sum, { events }) => sum + events, 0);
        const scope = { sessionCount: wanted.length, eventCount };
        expect(await ledger.purgeable(beforeUnixMs)).toEqual(scope);
        const about = { by: "me", command: [], directory: "/", tsUnixMs: one.now() };
        expect(await ledger.purge({ ...about, beforeUnixMs })).toMatchObject(scope);
        for (const known of wanted) known.isPurged = true;
        const report = await ledger.verify();
        expect(report.findings).toEqual([]);
        expect(report.purged).toBe(store.rows.purged.length);
        expect(report.eventCount).toBe(store.rows.events.length + store.rows.purged.length);
        // The tree that was signed before is the beginning of the one that is there.
        expect((await rootAt(store, size)).toBase64()).toBe(root);
        for (const [id, { isPurged, events }] of one.known) {
          const kept = store.rows.events.filter(({ session }) => session === id).length;
          expect(kept).toBe(isPurged ? 0 : events);
        }
        for (let flip = 0; flip < flipsMax; flip++) {
          const putBack = turnOne(store.rows, random);
          if ((await ledger.verify()).valid) throw new Error(`flip ${flip} of ledger ${n} unseen`);
          putBack();
          counts.flips += 1;
        }
        expect((await ledger.verify()).findings).toEqual([]);
        counts.purges += 1;
        counts.sessions += wanted.length;
        counts.events += eventCount;
      }
    }
    console.log("ledger purges:", JSON.stringify(counts), "each flip found");
    expect(counts.sessions).toBeGreaterThan(ledgers);
  },
  testMs,
);
