// What to do about a flush that failed. Linux then counts what was to be flushed as written, and
// the next flush says nothing of it: frames in the middle of the log may be lost, and with them,
// after a power failure, every later one, because SQLite reads the log up to the first that is
// wrong. So the whole log is written anew before anything is added to it. A file beside the
// database tells other processes, since whoever opens the log later hears of no failure.
// docs/adr/0021.

import { Database } from "bun:sqlite";
import { closeSync, constants, fdatasyncSync, openSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { AegisError } from "../../base/errors.ts";
import { isErrno, lostFlushSuffix, readAt, syncDirectory, writeWhole } from "../files.ts";
import { createLogCheck, frameSizeOf, logHeaderSize } from "./log-frames.ts";

/** Frames read and written at once. */
const framesAtOnce = 256;

/** Not flushed itself: once the power was off, what is left of the log is on the disk. */
export function markLost(path: string): void {
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
    closeSync(openSync(`${path}${lostFlushSuffix}`, flags, 0o600));
  } catch {
    // ignored: this process knows without it, and where no file can be made nobody else gets far
  }
}

export function isMarkedLost(path: string): boolean {
  return statSync(`${path}${lostFlushSuffix}`, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Writes what the log has anew, and flushes that, while nobody adds to it.
 * @param db in no transaction
 * @throws {AegisError} `ledger/unavailable` where the log has less than was committed; what SQLite
 * throws; what the system says. Nothing may be added then.
 */
export function rewriteLog(db: Database, path: string): void {
  db.run("BEGIN IMMEDIATE");
  try {
    const found = rewriteFrames(`${path}-wal`);
    const committed = committedFrames(path);
    if (found < committed) throw damagedLog(path, found, committed);
    syncDirectory(dirname(path));
    rmSync(`${path}${lostFlushSuffix}`, { force: true });
  } finally {
    db.run("ROLLBACK");
  }
}

/** @returns how many frames from the beginning on are whole */
function rewriteFrames(log: string): number {
  let fd: number;
  try {
    fd = openSync(log, constants.O_RDWR);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0;
    throw error;
  }
  try {
    const header = readAt(fd, 0, logHeaderSize);
    const check = createLogCheck(header);
    if (check === undefined) return 0;
    writeWhole(fd, header, 0);
    const frameSize = frameSizeOf(header);
    let whole = 0;
    for (let isWhole = true; isWhole; ) {
      const at = logHeaderSize + whole * frameSize;
      const frames = readAt(fd, at, framesAtOnce * frameSize);
      const count = check(frames);
      writeWhole(fd, frames.subarray(0, count * frameSize), at);
      whole += count;
      isWhole = count === framesAtOnce;
    }
    fdatasyncSync(fd);
    return whole;
  } finally {
    closeSync(fd);
  }
}

/** As SQLite counts them. One older than 3.51 folds them as well; they were flushed by then. */
function committedFrames(path: string): number {
  // On a connection of its own: none says so while it has a transaction.
  const db = new Database(path, { readwrite: true, create: false });
  try {
    const row = db.query<{ log: number }, []>("PRAGMA wal_checkpoint(NOOP)").get();
    return row?.log ?? 0;
  } finally {
    db.close();
  }
}

function damagedLog(path: string, found: number, committed: number): AegisError {
  const why = `of ${committed} pages in its log ${committed - found} were lost by the disk`;
  return new AegisError("ledger/unavailable", `Cannot open the ledger "${path}": ${why}`, {
    hint: "check the disk, then end all processes that use the ledger and start again: what was never acknowledged is given up",
  });
}

/**
 * While the log may lack frames on the disk they are not folded either: a power failure halfway
 * would leave pages of them in the database without the others. The last connection to close folds
 * the log, unless it can only read.
 */
export function closeDatabase(db: Database, path: string): void {
  if (!isMarkedLost(path)) {
    db.close();
    return;
  }
  let last: Database | undefined;
  try {
    last = new Database(path, { readonly: true });
    last.query("SELECT count(*) FROM sqlite_master").get();
    db.close();
  } catch {
    // ignored: it stays open until the process ends, which folds nothing
  } finally {
    last?.close();
  }
}
