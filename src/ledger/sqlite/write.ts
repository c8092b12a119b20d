// The rows of additions, written inside a transaction.

import type { Database } from "bun:sqlite";
import type { SessionId } from "../../base/ids.ts";
import {
  decisionValue,
  frontierValue,
  type SessionValues,
  sessionColumns,
  sessionValues,
} from "../rows.ts";
import type { SessionState } from "../session-state.ts";
import type { Addition } from "../store.ts";
import type { Known } from "./known.ts";
import { writePolicyLoad } from "./policy-load.ts";
import { purge } from "./purge.ts";
import { writeRecord } from "./records.ts";

/**
 * Rows that several additions change are written once, as the last of them leaves them. Statements
 * are looked up once: finding one by its text took longer than some of them run.
 */
export function createRowWriter(
  db: Database,
  known: Known,
): (additions: readonly Addition[]) => void {
  const insertEvent = once(() => eventInsert(db));
  const insertNode = once(() => nodeInsert(db));
  const updateHead = once(() => headUpdate(db));
  const updateSession = once(() => sessionUpdate(db));

  /** @returns their numbers */
  function writeSessions(additions: readonly Addition[]): ReadonlyMap<SessionId, number> {
    const sessions = new Map<SessionId, SessionState>();
    for (const { session } of additions) sessions.set(session.id, session);
    const numbers = new Map<SessionId, number>();
    for (const session of sessions.values()) {
      const before = known.session(session.id)?.num;
      const num = before ?? insertSession(db, session);
      if (before !== undefined) updateSession().run(...changedValues(session), before);
      known.wroteSession(num, session);
      numbers.set(session.id, num);
    }
    return numbers;
  }

  return (additions) => {
    const last = additions.at(-1);
    if (last === undefined) return;
    const numbers = writeSessions(additions);
    for (const { events, nodes, session, policyLoad, records } of additions) {
      const num = numbers.get(session.id) ?? 0;
      for (const { index, seq, tsUnixMs, type, decision, leaf, body } of events) {
        const place = [index, num, seq, tsUnixMs] as const;
        insertEvent().run(...place, type, decisionValue(decision), leaf, body);
      }
      for (const { level, position, hash } of nodes) insertNode().run(level, position, hash);
      if (policyLoad !== undefined) writePolicyLoad(db, num, policyLoad);
      for (const record of records ?? []) writeRecord(db, record);
    }
    updateHead().run(last.head.size, frontierValue(last.head));
    known.wroteHead(last.head);
    for (const addition of additions) {
      if (addition.purge === undefined) continue;
      purge(db, addition.purge);
      known.forget();
    }
  };
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function headUpdate(db: Database) {
  return db.query<null, [number, Uint8Array]>("UPDATE head SET size = ?, frontier = ?");
}

function insertSession(db: Database, session: SessionState): number {
  const values = sessionValues(session);
  const places = values.map(() => "?").join(", ");
  const sql = `INSERT INTO session(${sessionColumns}) VALUES (${places})`;
  return Number(db.query<null, SessionValues>(sql).run(...values).lastInsertRowid);
}

type ChangedValues = [
  tag: string | null,
  closedMs: number | null,
  exitStatus: number | null,
  accessCount: number,
  deniedCount: number,
  nextSeq: number,
  lastHash: string,
];

/** Only what events after the first can change. */
function changedValues(session: SessionState): ChangedValues {
  return [
    session.tag ?? null,
    session.closedUnixMs ?? null,
    session.exitStatus ?? null,
    session.accessCount,
    session.deniedCount,
    session.nextSeq,
    session.lastHash,
  ];
}

function sessionUpdate(db: Database) {
  return db.query<null, [...ChangedValues, num: number]>(
    "UPDATE session SET tag = ?, closed_ms = ?, exit_status = ?, access_count = ?, " +
      "denied_count = ?, next_seq = ?, last_hash = ? WHERE num = ?",
  );
}

function nodeInsert(db: Database) {
  return db.query<null, [number, number, Uint8Array]>(
    "INSERT INTO node(level, position, hash) VALUES (?, ?, ?)",
  );
}

function eventInsert(db: Database) {
  return db.query<
    null,
    [number, number, number, number, string, number | null, Uint8Array, string]
  >(
    "INSERT INTO event(idx, session, seq, ts_ms, type, decision, leaf, body) " +
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
}
