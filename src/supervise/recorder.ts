// Turns judged accesses into ledger events: equal accesses inside one window become one row with a
// count, windows are written as one durable transaction each. Nothing is dropped; when the ledger
// fails, the caller must stop the box.

import { appendBatchMax, coalesceWindowMs } from "../base/limits.ts";
import type { BoxAccess } from "../enforce/backend.ts";
import type { SessionWriter } from "../ledger/contract.ts";
import type { Action } from "../model/capability.ts";
import {
  type AccessPayload,
  type EventDraft,
  eventTypeOfAction,
  type NetProtocol,
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
}

export interface Recorder {
  /**
   * Takes one batch; the promise it may return is back-pressure: wait for it before the next batch.
   */
  record(accesses: readonly BoxAccess[]): void | Promise<void>;
  /** Takes an event that is no access; it is written with the window. */
  add(draft: EventDraft): void;
  /** Waits for what is being written. Throws what a write threw. */
  finish(): Promise<Recorded>;
}

export interface Recorded {
  readonly totals: RecordedTotals;
  /** The last window: not written yet, so that it can be stored together with the session's end. */
  readonly last: readonly EventDraft[];
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
  let window: Window = new Map();
  let others: EventDraft[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> = Promise.resolve();
  let failure: { readonly cause: unknown } | undefined;

  function takeWindow(): EventDraft[] {
    clearTimeout(timer);
    timer = undefined;
    const drafts = [...toDrafts(window.values()), ...others];
    window = new Map();
    others = [];
    return drafts;
  }

  function flush(): Promise<void> {
    const drafts = takeWindow();
    writing = writing
      .then(async () => {
        if (failure === undefined) onStored(await writer.append(drafts));
      })
      .catch((cause: unknown) => {
        failure = { cause };
        onFailure(cause);
      });
    return writing;
  }

  return {
    record(accesses) {
      for (const access of accesses) {
        tally.add(access.payload);
        addTo(window, access);
      }
      if (window.size >= appendBatchMax) return flush();
      timer ??= setTimeout(flush, coalesceWindowMs);
      return undefined;
    },
    add(draft) {
      others.push(draft);
      timer ??= setTimeout(flush, coalesceWindowMs);
    },
    async finish() {
      const last = takeWindow();
      await writing;
      if (failure !== undefined) throw failure.cause;
      return { totals: tally.totals(), last };
    },
  };
}

interface Tally {
  add(payload: AccessPayload): void;
  totals(): RecordedTotals;
}

function createTally(): Tally {
  const denials = new Map<string, Denial>();
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
    totals() {
      const ordered = [...denials.values()].sort((a, b) => b.count - a.count);
      return { allowed, denied, denials: ordered };
    },
  };
}

/** Accesses of the running window by what makes two of them equal. */
type Window = Map<string, { tsUnixMs: number; payload: AccessPayload }>;

function addTo(window: Window, { tsUnixMs, payload }: BoxAccess): void {
  const key = windowKey(payload);
  const known = window.get(key);
  if (known === undefined) window.set(key, { tsUnixMs, payload });
  else known.payload = { ...known.payload, count: known.payload.count + payload.count };
}

function windowKey(payload: AccessPayload): string {
  const { action, path, decision, exe, port, protocol, connection, phase } = payload;
  const { address, method, url, sha256 } = payload;
  // What the gateway knows of a connection or a request belongs to that one alone.
  const parts = [action, path, decision, exe, port, protocol, connection, phase];
  return [...parts, address, method, url, sha256].join("\0");
}

function toDrafts(window: Iterable<{ tsUnixMs: number; payload: AccessPayload }>): EventDraft[] {
  const drafts: EventDraft[] = [];
  for (const { tsUnixMs, payload } of window) {
    drafts.push({ type: eventTypeOfAction[payload.action], tsUnixMs, payload: { ...payload } });
  }
  return drafts;
}

function toDenial(payload: AccessPayload): Denial {
  const { action, path, host, port, protocol, address, connection } = payload;
  const { rule, reason, flags, count } = payload;
  const network = { host, port, protocol, address, connection };
  return { action, path, ...network, rule, reason, flags, count };
}
