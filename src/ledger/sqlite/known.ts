// What a writer knows of the database since its own last transaction, so that it need not read it
// again: the head and the sessions it wrote to. SQLite says when somebody else wrote meanwhile.

import type { Database } from "bun:sqlite";
import { AegisError } from "../../base/errors.ts";
import type { SessionId } from "../../base/ids.ts";
import {
  type HeadRow,
  headOf,
  numberOf,
  type SessionRow,
  sessionColumns,
  sessionOf,
} from "../rows.ts";
import type { SessionState } from "../session-state.ts";
import type { TreeHead } from "../tree/merkle.ts";

export interface KnownSession {
  /** Of its row. */
  readonly num: number;
  readonly state: SessionState;
}

/** Asked and told inside write transactions alone. */
export interface Known {
  /** First in every transaction: forgets what may be old. */
  refresh(): void;
  head(): TreeHead;
  session(id: SessionId): KnownSession | undefined;
  wroteHead(head: TreeHead): void;
  wroteSession(num: number, state: SessionState): void;
  /** After a transaction that was undone. */
  forget(): void;
}

/** Sessions kept before all are forgotten. */
const sessionsMax = 2000;

export function createKnown(db: Database): Known {
  const sessions = new Map<SessionId, KnownSession>();
  let head: TreeHead | undefined;
  let version = -1;

  function forget(): void {
    sessions.clear();
    head = undefined;
  }

  function keep(known: KnownSession): void {
    if (sessions.size >= sessionsMax) sessions.clear();
    sessions.set(known.state.id, known);
  }

  return {
    refresh() {
      const found = dataVersion(db);
      if (found !== version) forget();
      version = found;
    },
    head() {
      head ??= readHead(db);
      return head;
    },
    session(id) {
      const known = sessions.get(id);
      if (known !== undefined) return known;
      const read = readSession(db, id);
      if (read !== undefined) keep(read);
      return read;
    },
    wroteHead(written) {
      head = written;
    },
    wroteSession: (num, state) => keep({ num, state }),
    forget,
  };
}

/** Another number after every transaction of another connection, of this process or another. */
function dataVersion(db: Database): number {
  return numberOf(
    db.query<{ data_version: unknown }, []>("PRAGMA data_version").get()?.data_version,
  );
}

function readHead(db: Database): TreeHead {
  const row = db.query<HeadRow, []>("SELECT size, frontier FROM head").get();
  if (row === null) throw new AegisError("ledger/tampered", "Cannot append: the head is gone");
  return headOf(row);
}

function readSession(db: Database, id: SessionId): KnownSession | undefined {
  const sql = `SELECT num, ${sessionColumns} FROM session WHERE id = ?`;
  const row = db.query<SessionRow & { num: unknown }, [string]>(sql).get(id);
  return row === null ? undefined : { num: numberOf(row.num), state: sessionOf(row) };
}
