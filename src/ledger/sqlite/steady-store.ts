// A ledger in SQLite for a process that goes on for months: nothing is acknowledged that went into
// a file nobody can find any more, and a ledger that could not be used is tried again, not the
// process started anew. Whoever owns the folder may move files in it at any time.

import { statSync } from "node:fs";
import { systemClock } from "../../base/clock.ts";
import { AegisError } from "../../base/errors.ts";
import type { Store } from "../store.ts";
import { isBusy } from "./error.ts";
import { openSqliteStore, type SqliteStore } from "./store.ts";

/** Between two attempts to go on after a flush that failed. */
const rewritePauseMs = 1000;

/**
 * Opens it as `openSqliteStore` does.
 * @throws {AegisError} `ledger/unavailable`, also by each method while the file is gone, is
 * another ledger's, or cannot be opened
 */
export function openSteadyStore(path: string): Store {
  const first = openSqliteStore(path);
  const { origin } = first;
  const now = {
    ...{ store: first, file: fileAt(path), isBroken: false },
    /** Of the last attempt to write the log anew, and when there is to be another. */
    ...{ failure: undefined as unknown, retryAtMs: 0 },
  };

  function usable(): Store {
    const there = fileAt(path);
    if (there === undefined) throw unusable(path, "the file is gone");
    if (!now.isBroken && there === now.file) return now.store;
    const next = reopened(now.store.isFlushLost());
    if (next.origin !== origin) {
      void next.close();
      throw unusable(path, `it is another ledger, "${next.origin}"`);
    }
    void now.store.close();
    Object.assign(now, { store: next, file: there, isBroken: false });
    return next;
  }

  /** Everybody waits while a log is written anew: not for each call on a disk that fails. */
  function reopened(isFlushLost: boolean): SqliteStore {
    if (!isFlushLost) return openSqliteStore(path);
    if (systemClock.monotonicMs() < now.retryAtMs) throw now.failure;
    try {
      return openSqliteStore(path, isFlushLost);
    } catch (error) {
      now.failure = error;
      now.retryAtMs = systemClock.monotonicMs() + rewritePauseMs;
      throw error;
    }
  }

  /** What was done is only true when it was done to the file that stands there afterwards. */
  async function steadily<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const store = usable();
    const { file } = now;
    try {
      const done = await work(store);
      if (fileAt(path) === file) return done;
    } catch (error) {
      // Another call may have opened it anew meanwhile.
      if (isLost(error) && now.store === store) now.isBroken = true;
      throw error;
    }
    throw unusable(path, "the file was moved meanwhile");
  }

  return { origin, ...through(steadily), close: () => now.store.close() };
}

type Steadily = <T>(work: (store: Store) => Promise<T>) => Promise<T>;

function through(steadily: Steadily): Omit<Store, "origin" | "encode" | "close"> {
  return {
    append: (...given) => steadily((store) => store.append(...given)),
    appendMany: (...given) => steadily((store) => store.appendMany(...given)),
    addCheckpoint: (...given) => steadily((store) => store.addCheckpoint(...given)),
    putRecord: (...given) => steadily((store) => store.putRecord(...given)),
    removeRecord: (record) => steadily((store) => store.removeRecord(record)),
    head: () => steadily((store) => store.head()),
    sessions: (...given) => steadily((store) => store.sessions(...given)),
    session: (...given) => steadily((store) => store.session(...given)),
    sessionsUnder: (...given) => steadily((store) => store.sessionsUnder(...given)),
    events: (...given) => steadily((store) => store.events(...given)),
    eventsFrom: (...given) => steadily((store) => store.eventsFrom(...given)),
    event: (...given) => steadily((store) => store.event(...given)),
    indexOf: (...given) => steadily((store) => store.indexOf(...given)),
    chain: (...given) => steadily((store) => store.chain(...given)),
    record: (...given) => steadily((store) => store.record(...given)),
    records: (...given) => steadily((store) => store.records(...given)),
    policyLoads: (...given) => steadily((store) => store.policyLoads(...given)),
    checkpoints: (...given) => steadily((store) => store.checkpoints(...given)),
    nodes: (...given) => steadily((store) => store.nodes(...given)),
    scrub: () => steadily((store) => store.scrub()),
    snapshot: () => steadily((store) => store.snapshot()),
  };
}

function isLost(error: unknown): boolean {
  const isFailed = error instanceof AegisError && error.code === "ledger/unavailable";
  return isFailed && !isBusy(error.cause);
}

/** Which file it is; undefined when there is none. */
function fileAt(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

function unusable(path: string, why: string): AegisError {
  return new AegisError("ledger/unavailable", `Cannot use the ledger "${path}": ${why}`, {
    hint: "put it back, then go on",
  });
}
