// What a session added up to after each of its events, kept beside the ledger so that a replay has
// something to be compared with. It is kept behind the back of whoever sends events, a little at a
// time, and what is behind is caught up with before anybody reads it.

import { followedStatesMax, followedStatesSizeMax } from "../base/limits.ts";
import { ownText } from "../base/own-text.ts";
import { createRecent } from "../base/recent.ts";
import { applyEvent, newState, type SessionState } from "../control/state/reducer.ts";
import { stateSize } from "../control/state/size.ts";
import { stateHash } from "../control/state/view.ts";
import type { ControlLog, LoggedEvent } from "../ledger/control/contract.ts";
import { stepsPrefix } from "../ledger/control/session-records.ts";
import { newestSessions } from "./newest-sessions.ts";
import { createWaitingSessions, type WaitingSession } from "./waiting-sessions.ts";

export interface StepRecorder {
  /** Hash of the state after the event with that `seq`; everything stored is caught up with. */
  recorded(tenant: string, session: string): Promise<(seq: number) => string | undefined>;
  /** Goes on where a server that was killed left off, as far as the newest events show it. */
  resume(): Promise<void>;
  /** Keeps what is known by now. */
  stop(): Promise<void>;
}

const kind = "steps";
/** Hashes in one record. */
const pageSize = 64;
const hashLength = 64;
/** Events of one session that are looked at before others have their turn: a page, or its rest. */
const turnSize = pageSize;
/** Events read at once by whoever catches up. */
const readSize = 500;
/** Between two turns, at least. */
const pauseMs = 25;
/** And so many times as long as the turn took, so that recording has a small part of the time. */
const pausePerTurn = 24;
const pauseMaxMs = 1000;
/** Sessions that wait for their turn; beyond, one is caught up with when it is heard of again. */
const waitingMax = 4000;
/** At the end; what is left is caught up with when it is asked for. */
const lastTurnsMax = 200;
const pagesMax = 1_000_000;

interface Followed {
  readonly tenant: string;
  readonly session: string;
  state: SessionState;
  nextSeq: number;
  /** Steps below this one were recorded by somebody. */
  recordedSeq: number;
  /** The page that is being filled: its hashes, and its record's text as it is stored. */
  page: string;
  stored: string | undefined;
}

export function createStepRecorder(
  log: ControlLog,
  monotonicMs: () => number = () => 0,
): StepRecorder {
  const follower = createFollower(log);
  /** Sessions with events that are not recorded yet. */
  const waiting = createWaitingSessions(waitingMax);
  const pace = createPace({ take: nextTurn, isWanted: () => waiting.size() > 0 }, monotonicMs);
  let isStopped = false;

  const forget = log.onStored(wait);
  function wait(session: WaitingSession): void {
    pace.want();
    waiting.add(session);
  }

  async function nextTurn(): Promise<void> {
    const next = waiting.take();
    if (next === undefined) return;
    try {
      if (!(await follower.advance(next.tenant, next.session, turnSize))) waiting.add(next);
    } catch {
      // ignored: whoever asks for the session's steps catches up with it, and is told of an error
    }
  }

  return {
    async recorded(tenant, session) {
      await follower.advance(tenant, session, Number.MAX_SAFE_INTEGER);
      return readPages(log, tenant, session);
    },
    async resume() {
      for await (const { tenant, session } of newestSessions(log)) {
        const isLeft = await isBehind(log, tenant, session);
        if (isStopped) return;
        if (isLeft) wait({ tenant, session });
      }
    },
    async stop() {
      isStopped = true;
      forget();
      pace.stop();
      for (let taken = 0; waiting.size() > 0 && taken < lastTurnsMax; taken++) await nextTurn();
      await follower.idle();
    },
  };
}

interface Paced {
  readonly take: () => Promise<void>;
  /** Whether another one is to follow. */
  readonly isWanted: () => boolean;
}

/** One turn at a time, with a pause before each. */
function createPace({ take, isWanted }: Paced, monotonicMs: () => number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isBusy = false;

  function wait(ms: number): void {
    if (!isBusy) timer ??= setTimeout(takeOne, ms).unref();
  }

  function takeOne(): void {
    timer = undefined;
    isBusy = true;
    const startedMs = monotonicMs();
    void take().finally(() => {
      isBusy = false;
      const pause = pausePerTurn * (monotonicMs() - startedMs);
      if (isWanted()) wait(Math.min(Math.max(pause, pauseMs), pauseMaxMs));
    });
  }

  return { want: () => wait(pauseMs), stop: () => clearTimeout(timer) };
}

/** By the page that its last step would be in: pages are filled in order. */
async function isBehind(log: ControlLog, tenant: string, session: string): Promise<boolean> {
  const count = await countOf(log, tenant, session);
  if (count === 0) return false;
  const page = textOf((await log.record(kind, pageKey(tenant, session, count - 1)))?.json);
  return page.length < (((count - 1) % pageSize) + 1) * hashLength;
}

/** Events that there are: none of a session that was purged, whatever it had. */
async function countOf(log: ControlLog, tenant: string, session: string): Promise<number> {
  const state = await log.session(tenant, session);
  return state === undefined || state.purged ? 0 : state.eventCount;
}

async function readPages(
  log: ControlLog,
  tenant: string,
  session: string,
): Promise<(seq: number) => string | undefined> {
  const pages = await log.records(kind, stepsPrefix(tenant, session), pagesMax);
  const texts = new Map(pages.map(({ key, json }) => [key, textOf(json)]));
  return (seq) => {
    const page = texts.get(pageKey(tenant, session, seq)) ?? "";
    const at = (seq % pageSize) * hashLength;
    return page.length < at + hashLength ? undefined : page.slice(at, at + hashLength);
  };
}

interface Follower {
  /** @returns whether everything stored by now is recorded */
  advance(tenant: string, session: string, most: number): Promise<boolean>;
  idle(): Promise<unknown>;
}

function createFollower(log: ControlLog): Follower {
  const followed = createRecent<Followed>({
    countMax: followedStatesMax,
    sizeMax: followedStatesSizeMax,
    sizeOf: ({ state, page }) => stateSize(state) + 2 * page.length,
  });
  let turn: Promise<unknown> = Promise.resolve();

  async function advance(tenant: string, session: string, most: number): Promise<boolean> {
    const key = stepsPrefix(tenant, session);
    const one = followed.get(key) ?? (await begin(log, tenant, session));
    // Until it is whole again: after an error it is begun anew.
    followed.forget(key);
    const count = await countOf(log, tenant, session);
    if (count === 0) return true;
    // A turn ends with a page where it can: one that is half full would be written once more.
    const whole = most - (one.nextSeq % pageSize);
    for (let left = whole; left > 0 && one.nextSeq < count; ) {
      const events = await eventsFrom(log, one, Math.min(left, readSize));
      if (events.length === 0) break;
      left -= events.length;
      for (const event of events) await add(log, one, event);
    }
    await keepPage(log, one);
    followed.keep(key, one);
    return one.nextSeq >= count;
  }

  return {
    advance(tenant, session, most) {
      // One after the other: a page has one writer in this process.
      const done = turn.then(() => advance(tenant, session, most));
      // ignored: whoever waits for this turn has its error, the next one begins without it
      turn = done.catch(() => undefined);
      return done;
    },
    idle: () => turn,
  };
}

/** From the first event that nobody recorded; what was before has to be added up again. */
async function begin(log: ControlLog, tenant: string, session: string): Promise<Followed> {
  const last = (await log.records(kind, stepsPrefix(tenant, session), pagesMax)).at(-1);
  const page = last === undefined ? 0 : Number(last.key.slice(last.key.indexOf("/") + 1));
  const steps = page * pageSize + Math.floor(textOf(last?.json).length / hashLength);
  return {
    tenant: ownText(tenant),
    session: ownText(session),
    state: newState(),
    nextSeq: 0,
    recordedSeq: steps,
    page: "",
    stored: undefined,
  };
}

async function eventsFrom(
  log: ControlLog,
  { tenant, session, nextSeq }: Followed,
  limit: number,
): Promise<readonly LoggedEvent[]> {
  const first = await log.event(tenant, session, nextSeq);
  if (first === undefined) return [];
  return log.events({ tenant, session, after: first.index - 1, limit });
}

async function add(
  log: ControlLog,
  one: Followed,
  { seq, tsUnixMs, type, payload, spelled }: LoggedEvent,
): Promise<void> {
  one.state = applyEvent(one.state, { seq, tsUnixMs, type, payload, spelled });
  one.nextSeq = seq + 1;
  if (seq < one.recordedSeq) {
    const isLast = one.nextSeq === one.recordedSeq;
    if (isLast && one.nextSeq % pageSize > 0) await resumePage(log, one, seq);
    return;
  }
  // Another process may have recorded this one already.
  if (one.page.length === (seq % pageSize) * hashLength) one.page += stateHash(one.state);
  if (one.nextSeq % pageSize > 0) return;
  await keepPage(log, one);
  // Full pages are not looked at again, and are most of what a session would take in memory.
  [one.page, one.stored] = ["", undefined];
}

/** The hashes of then stay, whatever the steps would give today. */
async function resumePage(log: ControlLog, one: Followed, seq: number): Promise<void> {
  one.stored = (await log.record(kind, pageKey(one.tenant, one.session, seq)))?.json;
  one.page = textOf(one.stored);
}

/** Where another process was faster, its hashes stay and ours go behind them. */
async function keepPage(log: ControlLog, one: Followed): Promise<void> {
  if (one.page === "" || one.stored === JSON.stringify(one.page)) return;
  const key = pageKey(one.tenant, one.session, one.nextSeq - 1);
  for (let tries = 0; tries < triesMax; tries++) {
    const json = JSON.stringify(one.page);
    // Of a page that a power failure takes away the steps are added up again.
    if (await log.putRecord({ kind, key, json }, one.stored, "later")) {
      one.stored = json;
      return;
    }
    one.stored = (await log.record(kind, key))?.json;
    const theirs = textOf(one.stored);
    one.page = theirs + one.page.slice(theirs.length);
    if (theirs === one.page) return;
  }
}

const triesMax = 5;

/** Empty for what is no such record: its steps are missing then, and a replay says so. */
function textOf(json: string | undefined): string {
  return /^"([0-9a-f]*)"$/.exec(json ?? "")?.[1] ?? "";
}

function pageKey(tenant: string, session: string, seq: number): string {
  const page = Math.floor(seq / pageSize);
  return `${stepsPrefix(tenant, session)}${String(page).padStart(12, "0")}`;
}
