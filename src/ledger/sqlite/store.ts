// The ledger's rows in SQLite: WAL with synchronous=FULL, one transaction for each append, safe for
// many processes at once. Appends of many clients are flushed apart, before anybody is answered.
// Anyone who can write the file can edit it; verify is what finds out.

import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { ledgerLockWaitMs, sharedWalSizeMaxBytes } from "../../base/limits.ts";
import type { LogRecord } from "../control/contract.ts";
import { createPrivateFile, makePrivateDirectory } from "../files.ts";
import { textOf } from "../rows.ts";
import type { ManyBase, Store, StoredCheckpoint } from "../store.ts";
import { readEvent } from "./chains.ts";
import { isBusy, unavailable } from "./error.ts";
import { createKnown, type Known } from "./known.ts";
import { closeDatabase, isMarkedLost, rewriteLog } from "./lost-flush.ts";
import { createReader } from "./read.ts";
import { deleteRecord, readRecord, writeRecord } from "./records.ts";
import { prepareDatabase } from "./schema.ts";
import { scrub } from "./scrub.ts";
import { openSnapshot } from "./snapshot.ts";
import { createLogSync, type LogSync } from "./sync.ts";
import { createTransactions, type Transactions } from "./transactions.ts";
import { inTurn } from "./turn.ts";
import { createRowWriter } from "./write.ts";

/** Pause between openings that found the file locked, as while another process is making it. */
const openPauseMs = 5;
const openAttemptsMax = ledgerLockWaitMs / openPauseMs;

export interface SqliteStore extends Store {
  /** A flush failed: nothing may be built on what is in the log before that is written anew. */
  readonly isFlushLost: () => boolean;
}

/**
 * Opens the database, and makes it with its folder when absent. Where a flush of its log failed,
 * by this process or another, the log is written anew first.
 * @param isFlushLost it did, whatever is known beside the file
 * @throws {AegisError} `ledger/unavailable` when it cannot be used
 */
export function openSqliteStore(path: string, isFlushLost = false): SqliteStore {
  const { db, origin } = openDatabase(path, isFlushLost);
  const writer = createWriter(db, path);
  return {
    origin,
    ...createReader(db, path),
    append: async (session, build, patience) =>
      inTurn(path, () => writer.append(session, build), patience),
    appendMany: async (...given) => writer.appendMany(...given),
    putRecord: async (...given) => writer.putRecord(...given),
    removeRecord: async (record) => writer.removeRecord(record),
    addCheckpoint: async (checkpoint, patience) =>
      inTurn(path, () => writer.addCheckpoint(checkpoint), patience),
    scrub: () => scrub(path),
    snapshot: async () => openSnapshot(path, origin),
    isFlushLost: writer.isFlushLost,
    close: () => writer.close(),
  };
}

function openDatabase(
  path: string,
  isFlushLost: boolean,
): { readonly db: Database; readonly origin: string } {
  for (let attempt = 1; ; attempt++) {
    let db: Database | undefined;
    try {
      if (statSync(path, { throwIfNoEntry: false }) === undefined) {
        makePrivateDirectory(dirname(path));
        createPrivateFile(path);
      }
      db = new Database(path, { readwrite: true, create: false });
      if (isFlushLost || isMarkedLost(path)) rewriteLog(db, path);
      prepareDatabase(db, path);
      const head = db.query<{ origin: unknown }, []>("SELECT origin FROM head").get();
      return { db, origin: textOf(head?.origin) };
    } catch (error) {
      if (db !== undefined) closeDatabase(db, path);
      if (!isBusy(error) || attempt === openAttemptsMax) {
        throw unavailable("open the ledger", path, error);
      }
      // SQLite does not wait for its own lock while a new file is switched to WAL.
      Bun.sleepSync(openPauseMs);
    }
  }
}

interface Writer {
  append: (...parameters: Parameters<Store["append"]>) => void;
  appendMany: (...parameters: Parameters<Store["appendMany"]>) => Promise<void>;
  putRecord: (...parameters: Parameters<Store["putRecord"]>) => Promise<boolean>;
  removeRecord: (record: LogRecord) => Promise<boolean>;
  addCheckpoint: (...parameters: Parameters<Store["addCheckpoint"]>) => void;
  isFlushLost: () => boolean;
  close: () => Promise<void>;
}

function createWriter(db: Database, path: string): Writer {
  const known = createKnown(db);
  const transactions = createTransactions(db, path, known);
  const write = createRowWriter(db, known);
  const { apart, flushed, isUsed, alone, close } = createShared(db, path, transactions);
  const transact = (work: () => number): void => {
    alone();
    transactions.run(work);
  };
  return {
    append(session, build) {
      transact(() => {
        const addition = build({ head: known.head(), session: known.session(session)?.state });
        if (addition.events.length > 0) write([addition]);
        return addition.events.length;
      });
    },
    async appendMany(_, build, onCommitted) {
      await apart(() => {
        const additions = build(baseOf(db, known));
        write(additions);
        return additions.length;
      });
      onCommitted?.();
      // Also where nothing was added: what was found may be another process's, and not durable yet.
      await flushed();
    },
    async putRecord(record, expected, durability = "now") {
      let isPut = false;
      await apart(() => {
        isPut = readRecord(db, record.kind, record.key)?.json === expected;
        if (isPut) writeRecord(db, record);
        return 1;
      });
      if (durability === "now") await flushed();
      return isPut;
    },
    async removeRecord(record) {
      let isRemoved = false;
      await apart(() => {
        isRemoved = deleteRecord(db, record);
        return isRemoved ? 1 : 0;
      });
      return isRemoved;
    },
    addCheckpoint(checkpoint) {
      transact(() => writeCheckpoint(db, checkpoint));
    },
    isFlushLost: transactions.isFlushLost,
    async close() {
      // What nobody waited for. Where it fails that is marked, so nobody goes on behind it.
      if (isUsed() && !transactions.isFlushLost()) await flushed().catch(() => undefined);
      close();
      closeDatabase(db, path);
    },
  };
}

/**
 * The log keeps its size when SQLite begins it anew: cutting off what is written again at once, and
 * flushing a file that grows, made commits take a third longer in the middle and twice on average.
 */
const sharedSettings = `PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${2 * sharedWalSizeMaxBytes}`;

/** Transactions of many clients: the next ones are read while these are made durable. */
function createShared(db: Database, path: string, transactions: Transactions) {
  const log = createLogSync(path);
  let isUsed = false;
  let isShared = false;

  /** Told only where it changes: SQLite compiles what it is told each time. */
  function share(isWanted: boolean): void {
    if (isWanted === isShared) return;
    try {
      db.run(isWanted ? sharedSettings : "PRAGMA synchronous = FULL");
    } catch (error) {
      throw unavailable("append to the ledger", path, error);
    }
    isShared = isWanted;
  }

  return {
    /** Durable after `flushed`. */
    apart: (work: () => number): Promise<void> =>
      inTurn(path, () => {
        openFirst(log, path);
        isUsed = true;
        share(true);
        transactions.run(work, sharedWalSizeMaxBytes);
      }),
    /** Before a transaction that SQLite is to flush itself. */
    alone: () => share(false),
    async flushed(): Promise<void> {
      await log.done().catch((error: unknown) => {
        const failure = unavailable("append to the ledger", path, error);
        transactions.lose(failure);
        throw failure;
      });
      // Another flush may have failed meanwhile, SQLite's own, and taken with it what is behind it.
      transactions.requireFlushes();
    },
    isUsed: () => isUsed,
    close: () => log.close(),
  };
}

/** Before anything is written that it flushes. */
function openFirst(log: LogSync, path: string): void {
  try {
    log.open();
  } catch (error) {
    throw unavailable("append to the ledger", path, error);
  }
}

function baseOf(db: Database, known: Known): ManyBase {
  return {
    head: known.head(),
    session: (id) => known.session(id)?.state,
    event: (id, seq) => readEvent(db, id, seq),
    record: (kind, key) => readRecord(db, kind, key),
  };
}

function writeCheckpoint(db: Database, { size, note }: StoredCheckpoint): number {
  const known = db.query<null, [number]>("SELECT 1 FROM checkpoint WHERE size = ?").get(size);
  if (known !== null) return 0;
  const insert = "INSERT INTO checkpoint(size, note) VALUES (?, ?)";
  db.query<null, [number, string]>(insert).run(size, note);
  return 1;
}
