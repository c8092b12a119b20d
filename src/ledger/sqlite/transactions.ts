// Write transactions of one connection: begun, committed, undone, and the log folded when it is
// long. After one whose outcome nobody knows there are no more.

import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { walSizeMaxBytes } from "../../base/limits.ts";
import { isConstraint, isFull, isInputOutput, unavailable } from "./error.ts";
import type { Known } from "./known.ts";
import { markLost } from "./lost-flush.ts";
import { beginWrite, LockTaken } from "./turn.ts";

export interface Transactions {
  /**
   * Runs `work`, which says how much it wrote, in a transaction; what it throws undoes it.
   * @param logSizeMax bytes of log at which it is folded; default: `walSizeMaxBytes`
   */
  run(work: () => number, logSizeMax?: number): void;
  /** A flush failed: what it should have made durable is lost, and every later one throws this. */
  lose(error: AegisError): void;
  /** @throws that error, if a flush of theirs failed */
  requireFlushes(): void;
  /** A flush of theirs failed. */
  isFlushLost(): boolean;
}

export function createTransactions(db: Database, path: string, known: Known): Transactions {
  let broken: AegisError | undefined;
  let isFlushLost = false;
  const foldLong = createFolding(db, path);

  function lose(error: AegisError): void {
    broken ??= error;
    isFlushLost = true;
    markLost(path);
  }

  return {
    run(work, logSizeMax = walSizeMaxBytes) {
      if (broken !== undefined) throw broken;
      start(db, path);
      let isWorkDone = false;
      try {
        known.refresh();
        const events = work();
        isWorkDone = true;
        db.query("COMMIT").run();
        foldLong(events, logSizeMax);
      } catch (error) {
        known.forget();
        const { error: failure, outcome } = undo(db, path, error, isWorkDone);
        if (outcome === "unknown") {
          // SQLite flushes where it commits, and where it folds.
          if (isInputOutput(failure.cause)) lose(failure);
          broken ??= failure;
        }
        throw failure;
      }
    },
    lose,
    requireFlushes() {
      if (isFlushLost) throw broken;
    },
    isFlushLost: () => isFlushLost,
  };
}

/** Events, a transaction counting as some more, between two looks at the size of the log. */
const foldLookEvery = 128;
const foldLookCommit = 8;

/** Told of every transaction. It looks at the first: most launches make but a few. */
function createFolding(db: Database, path: string): (events: number, sizeMax: number) => void {
  let retryAt = 0;
  let unlooked = foldLookEvery;
  return (events, sizeMax) => {
    unlooked += foldLookCommit + events;
    if (unlooked < foldLookEvery) return;
    unlooked = 0;
    // It keeps its size when SQLite begins it anew: a long file may have little to fold.
    const size = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= sizeMax || unfolded(db, "NOOP") <= Math.max(sizeMax, retryAt)) return;
    const left = fold(db);
    retryAt = left === 0 ? 0 : left + sizeMax;
  };
}

function start(db: Database, path: string): void {
  try {
    beginWrite(db);
  } catch (error) {
    throw error instanceof LockTaken ? error : unavailable("append to the ledger", path, error);
  }
}

interface Failure {
  readonly error: AegisError;
  /** `unknown`: what was to be written may be on disk or not. */
  readonly outcome: "undone" | "unknown";
}

function undo(db: Database, path: string, error: unknown, isWorkDone: boolean): Failure {
  const isOurs = error instanceof AegisError;
  try {
    if (db.inTransaction) db.run("ROLLBACK");
  } catch (second) {
    return { error: unavailable("append to the ledger", path, second), outcome: "unknown" };
  }
  if (!isWorkDone && isConstraint(error)) {
    const message = `Cannot append to the ledger "${path}": its rows contradict each other`;
    const tampered = new AegisError("ledger/tampered", message, {
      hint: "run `aegis audit verify`",
      cause: error,
    });
    return { error: tampered, outcome: "undone" };
  }
  const failure = unavailable("append to the ledger", path, error);
  return { error: failure, outcome: isOurs && !isWorkDone ? "undone" : "unknown" };
}

/**
 * Folds a long write-ahead log into the database as far as no reader needs it; appends never wait
 * for readers. The file itself shrinks when SQLite begins it anew, to `journal_size_limit`.
 * @returns bytes that are left to fold
 */
function fold(db: Database): number {
  try {
    return unfolded(db, "PASSIVE");
  } catch (error) {
    if (!isFull(error)) throw error;
    // ignored: what was appended is durable in the log, which is folded when there is room again
    return unfolded(db, "NOOP");
  }
}

/** Of pages, as a file makes them unless it is told otherwise. */
const pageBytes = 4096;

/** @param how a SQLite before 3.51 knows no `NOOP`, and folds: nothing is left then */
function unfolded(db: Database, how: "NOOP" | "PASSIVE"): number {
  const sql = `PRAGMA wal_checkpoint(${how})`;
  const row = db.query<{ log: number; checkpointed: number }, []>(sql).get();
  return row === null ? 0 : (row.log - row.checkpointed) * pageBytes;
}
