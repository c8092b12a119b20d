// Waiting for the one write lock of a SQLite file without standing still: other requests go on
// while another process has it.

import type { Database } from "bun:sqlite";
import { ledgerLockWaitMs } from "../../base/limits.ts";
import type { Patience } from "../contract.ts";
import { isBusy, unavailable } from "./error.ts";

/** How long one attempt waits, and how long the pause after it is. */
const stepMs = 3;
/** The pause after a wait that has become long. */
const longPauseMs = 50;

/**
 * In short steps: SQLite's own waiting sleeps longer and longer, so that under many writers the one
 * that waited longest gets the lock last. @throws busy
 */
export function beginWrite(db: Database): void {
  db.run(`PRAGMA busy_timeout = ${stepMs}`);
  try {
    db.query("BEGIN IMMEDIATE").run();
  } catch (error) {
    throw isBusy(error) ? new LockTaken(error) : error;
  } finally {
    db.run(`PRAGMA busy_timeout = ${ledgerLockWaitMs}`);
  }
}

/** Runs `work`, and again while it finds the lock taken. It must have done nothing before that. */
export async function inTurn<T>(path: string, work: () => T, patience?: Patience): Promise<T> {
  let isTold = false;
  for (let waitedMs = 0; ; ) {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof LockTaken)) throw error;
      const isLong = waitedMs >= ledgerLockWaitMs;
      if (isLong && patience === undefined)
        throw unavailable("append to the ledger", path, error.cause);
      if (isLong && !isTold) patience?.onLongWait();
      isTold = isLong;
    }
    const pauseMs = isTold ? longPauseMs : stepMs;
    await Bun.sleep(pauseMs);
    waitedMs += stepMs + pauseMs;
  }
}

export class LockTaken extends Error {
  constructor(cause: unknown) {
    super("the write lock is taken", { cause });
  }
}
