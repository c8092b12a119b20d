// Writing a SQLite file anew without what was deleted from it: freed pages, gaps in pages and the
// write-ahead log may still hold it. Others may go on reading and appending before and after.

import { Database } from "bun:sqlite";
import { ledgerLockWaitMs } from "../../base/limits.ts";
import { isInputOutput, unavailable } from "./error.ts";
import { markLost } from "./lost-flush.ts";

/** On a connection of its own: the writer's has statements that keep the log from being cut. */
export async function scrub(path: string): Promise<void> {
  let db: Database | undefined;
  try {
    db = new Database(path, { readwrite: true, create: false });
    db.run(`PRAGMA busy_timeout = ${ledgerLockWaitMs}`);
    db.run("PRAGMA synchronous = FULL");
    db.run("PRAGMA secure_delete = ON");
    db.run("VACUUM");
    const cut = "PRAGMA wal_checkpoint(TRUNCATE)";
    const row = db.query<{ busy: number }, []>(cut).get();
    if (row?.busy !== 0) throw new Error("somebody is reading it; purge again to finish");
  } catch (error) {
    if (isInputOutput(error)) markLost(path);
    throw unavailable("clear what was purged out of", path, error);
  } finally {
    db?.close();
  }
}
