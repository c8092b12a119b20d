// Turns judged accesses into ledger events: equal accesses inside one window become one row with a
// count, windows are written as one durable transaction each, one after the other. A write that
// takes long holds up whoever records. Nothing is dropped; when the ledger fails, the caller must
// stop the box, and is told how much was not stored.

import { appendBatchMax, coalesceWindowMs, lateWriteMs } from "../base/limits.ts";
import type { BoxAccess, BoxRefusal } from "../enforce/backend.ts";
import type { SessionWriter } from "../ledger/contract.ts";
import type { Action } from "../model/capability.ts";
import {
  type AccessPayload,
  type EventDraft,
  eventTypeOfAction,
  type NetProtocol,
  type RefusedPayload,
  type SealedEvent,
} from "../model/event.ts";

export interface Denial {
  readonly action: Action;
  readonly path: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** These three as in `AccessPayload`. */
  readonly protocol: NetProtocol | undefined;
  readonly address: string | undefined;
  readonly connection: number | undefined;
  readonly rule: string;
  readonly reason: string;
  /** Call and flags of the first of them. */
  readonly flags: string;
  readonly count: number;
}

export interface RecordedTotals {
  readonly allowed: number;
  readonly denied: number;
  /** Distinct denials, most frequent first; at most `denialsKeptMax`. */
  readonly denials: readonly Denial[];
  /** System calls that no box may make: how often each was tried, by its name. */
  readonly refusedCalls: ReadonlyMap<string, number>;
}

export interface Recorder {
  /**
   * Takes one batch; the promise it may return is back-pressure: wait for it before the next batch.
   */
  record(accesses: readonly BoxAccess[]): void | Promise<void>;
  /** The same for calls that no box may make: they are no accesses, and not counted as such. */
  refuse(refusals: readonly BoxRefusal[]): void | Promise<void>;
  /** Takes an event that is no access; it is written with the window. */
  add(draft: EventDraft): void;
  /** Waits for what is being written. */
  finish(): Promise<Recorded>;
}

export interface Recorded {
  readonly totals: RecordedTotals;
  /** The last window: not written yet, so that it can be stored together with the session's end. */
  readonly last: readonly EventDraft[];
  /** Undefined when everything before `last` is stored. */
  readonly unstored: Unstored | undefined;
}

/** What was done and not stored. */
export interface Unstored {
  /** Those that were heard of: a helper that is killed has a few more. */
  readonly accesses: number;
  readonly cause: unknown;
}

/** Distinct denials remembered for the summary; the ledger has all of them. */
const denialsKeptMax = 4096;

/**
 * @param onFailure called once when the ledger could not take events: the box must not go on
 * unrecorded
 * @param onStored told of events once they are durable, in order; never of the last window
 */
export function createRecorder(
  writer: SessionWriter,
  onFailure: (cause: unknown) => void,
  onStored: (events: readonly SealedEvent[]) => void = () => undefined,
): Recorder {
  const tally = createTally();
  const window = createWindow();
  const writes = createWrites(writer, onFailure, onStored);
  const schedule = createSchedule(window, writes);
  return {
    record(accesses) {
      const failure = writes.failure();
      for (const access of accesses) {
        tally.add(access.payload);
        if (failure === undefined) window.add(access);
        else failure.accesses += access.payload.count;
      }
      return schedule.writeSoon();
    },
    refuse(refusals) {
      for (const { refused } of refusals) tally.addRefusal(refused);
      if (writes.failure() === undefined) for (const one of refusals) window.addRefusal(one);
      return schedule.writeSoon();
    },
    add(draft) {
      window.addOther(draft);
      schedule.writeLater();
    },
    async finish() {
      const last = schedule.takeWindow();
      await schedule.written();
      const totals = tally.totals();
      const failure = writes.failure();
      if (failure === undefined) return { totals, last, unstored: undefined };
      failure.accesses += accessesIn(last);
      return { totals, last: [], unstored: failure };
    },
  };
}

/** When the window is written. */
interface Schedule {
  /** A promise to wait for when there is enough to write. */
  writeSoon(): Promise<void> | undefined;
  /** At the end of the window at the latest. */
  writeLater(): void;
  takeWindow(): readonly EventDraft[];
  written(): Promise<void> | undefined;
}

function createSchedule(window: Window, writes: Writes): Schedule {
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** The window is to be written as soon as the one before it is. */
  let isDue = false;
  let writing: Promise<void> | undefined;

  function takeWindow(): readonly EventDraft[] {
    clearTimeout(timer);
    timer = undefined;
    isDue = false;
    return window.take();
  }

  async function writeAll(): Promise<void> {
    while (isDue && writes.failure() === undefined) await writes.write(takeWindow());
    writing = undefined;
  }

  /** Kept when everything that was recorded until now is stored. */
  function flush(): Promise<void> {
    isDue = true;
    writing ??= writeAll();
    return writing;
  }

  function writeLater(): void {
    timer ??= setTimeout(flush, coalesceWindowMs);
  }

  return {
    takeWindow,
    writeLater,
    writeSoon() {
      if (window.size() >= appendBatchMax || writes.isLate()) return flush();
      writeLater();
      return undefined;
    },
    written: () => writing,
  };
}

interface Writes {
  /** One at a time. */
  write(drafts: readonly EventDraft[]): Promise<void>;
  /** One is under way for longer than it should be. */
  isLate(): boolean;
  /** Of the first that failed, with what it was to store; nothing is written after it. */
  failure(): { accesses: number; readonly cause: unknown } | undefined;
}

function createWrites(
  writer: SessionWriter,
  onFailure: (cause: unknown) => void,
  onStored: (events: readonly SealedEvent[]) => void,
): Writes {
  let isLate = false;
  let failure: ReturnType<Writes["failure"]>;
  return {
    async write(drafts) {
      const late = setTimeout(() => {
        isLate = true;
      }, lateWriteMs);
      try {
        onStored(await writer.append(drafts));
      } catch (cause) {
        failure = { accesses: accessesIn(drafts), cause };
        onFailure(cause);
      } finally {
        clearTimeout(late);
        isLate = false;
      }
    },
    isLate: () => isLate,
    failure: () => failure,
  };
}

/** How many accesses the rows stand for. */
export function accessesIn(drafts: readonly EventDraft[]): number {
  return drafts.reduce((sum, { payload }) => sum + Number(payload.count ?? 0), 0);
}

interface Tally {
  add(payload: AccessPayload): void;
  addRefusal(refused: RefusedPayload): void;
  totals(): RecordedTotals;
}

function createTally(): Tally {
  const denials = new Map<string, Denial>();
  const refusedCalls = new Map<string, number>();
  let allowed = 0;
  let denied = 0;
  return {
    add(payload) {
      if (payload.decision === "allow") {
        allowed += payload.count;
        return;
      }
      denied += payload.count;
      const { action, path, port, protocol } = payload;
      const key = [action, path, port, protocol].join("\0");
      const known = denials.get(key);
      if (known !== undefined) denials.set(key, { ...known, count: known.count + payload.count });
      else if (denials.size < denialsKeptMax) denials.set(key, toDenial(payload));
    },
    addRefusal({ call, times }) {
      refusedCalls.set(call, times + (refusedCalls.get(call) ?? 0));
    },
    totals() {
      const ordered = [...denials.values()].sort((a, b) => b.count - a.count);
      return { allowed, denied, denials: ordered, refusedCalls };
    },
  };
}

/** What is not written yet. */
interface Window {
  add(access: BoxAccess): void;
  addRefusal(refusal: BoxRefusal): void;
  addOther(draft: EventDraft): void;
  /** Rows. */
  size(): number;
  /** Empties it. */
  take(): EventDraft[];
}

function createWindow(): Window {
  /** By what makes two accesses equal. */
  let accesses = new Map<string, { tsUnixMs: number; payload: AccessPayload }>();
  let refusals = new Map<string, { tsUnixMs: number; refused: RefusedPayload }>();
  let others: EventDraft[] = [];
  return {
    add({ tsUnixMs, payload }) {
      const key = windowKey(payload);
      const known = accesses.get(key);
      if (known === undefined) accesses.set(key, { tsUnixMs, payload });
      else known.payload = { ...known.payload, count: known.payload.count + payload.count };
    },
    addRefusal({ tsUnixMs, refused }) {
      const { call, argument, exe, pid } = refused;
      const key = [call, argument, exe, pid].join("\0");
      const known = refusals.get(key);
      if (known === undefined) refusals.set(key, { tsUnixMs, refused });
      else known.refused = { ...known.refused, times: known.refused.times + refused.times };
    },
    addOther(draft) {
      others.push(draft);
    },
    size: () => accesses.size + refusals.size,
    take() {
      const refused = [...refusals.values()].map(refusalDraft);
      const drafts = [...toDrafts(accesses.values()), ...refused, ...others];
      accesses = new Map();
      refusals = new Map();
      others = [];
      return drafts;
    },
  };
}

function windowKey(payload: AccessPayload): string {
  const { action, path, decision, exe, port, protocol, connection, phase } = payload;
  const { address, method, url, sha256 } = payload;
  // What the gateway knows of a connection or a request belongs to that one alone.
  const parts = [action, path, decision, exe, port, protocol, connection, phase];
  // Who was denied, and in what, is told of each: these are few, and the ones that are looked at.
  const denied = decision === "deny" ? [payload.pid, payload.flags, payload.rule] : [];
  return [...parts, address, method, url, sha256, ...denied].join("\0");
}

function toDrafts(window: Iterable<{ tsUnixMs: number; payload: AccessPayload }>): EventDraft[] {
  const drafts: EventDraft[] = [];
  for (const { tsUnixMs, payload } of window) {
    drafts.push({ type: eventTypeOfAction[payload.action], tsUnixMs, payload: { ...payload } });
  }
  return drafts;
}

function refusalDraft({ tsUnixMs, refused }: BoxRefusal): EventDraft {
  return { type: "CALL_REFUSED", tsUnixMs, payload: { ...refused } };
}

function toDenial(payload: AccessPayload): Denial {
  const { action, path, host, port, protocol, address, connection } = payload;
  const { rule, reason, flags, count } = payload;
  const network = { host, port, protocol, address, connection };
  return { action, path, ...network, rule, reason, flags, count };
}
