// Writing a PostgreSQL ledger: what an append is built from, read under the lock of the head, and
// the rows it adds.

import { canonicalJson } from "../../base/canonical-json.ts";
import { AegisError } from "../../base/errors.ts";
import { equalBytes } from "../../base/hash.ts";
import type { SessionId } from "../../base/ids.ts";
import type { LogRecord } from "../control/contract.ts";
import {
  decisionValue,
  frontierValue,
  type HeadRow,
  headOf,
  sessionColumns,
  sessionValues,
} from "../rows.ts";
import type { SessionState } from "../session-state.ts";
import type { Addition, AppendNeeds, ManyBase, StoredEvent } from "../store.ts";
import type { TreeHead } from "../tree/merkle.ts";
import { readEvent } from "./chains.ts";
import type { Session, SqlValue } from "./pool.ts";
import { readRecord } from "./read.ts";
import { keyOf, plainRow, storedSession, textArray, toldText } from "./rows.ts";

/** Whoever has this lock is the only one who adds to the tree. */
async function lockHead(session: Session): Promise<TreeHead> {
  const sql = "SELECT size, frontier FROM aegis_head WHERE id = 1 FOR UPDATE";
  const [row] = (await session.query(sql)).rows;
  if (row === undefined) {
    throw new AegisError("ledger/tampered", "Cannot append: the head is gone");
  }
  return headOf(plainRow<HeadRow>(row));
}

export async function readBase(session: Session, needs: AppendNeeds): Promise<ManyBase> {
  const [head, sessions, records] = await Promise.all([
    lockHead(session),
    readSessionsOf(session, needs.sessions),
    readRecordsOf(session, needs.records),
  ]);
  const events = await readEventsOf(session, needs.events, sessions);
  return {
    head,
    session: (id) => sessions.get(id),
    event: (id, seq) => events.get(pairKey(id, String(seq))),
    record: (kind, key) => records.get(pairKey(kind, key)),
  };
}

async function readSessionsOf(
  session: Session,
  ids: readonly SessionId[],
): Promise<ReadonlyMap<SessionId, SessionState>> {
  const sql = `SELECT ${sessionColumns} FROM aegis_session WHERE id = ANY($1::text[])`;
  const { rows } = await session.query(sql, [textArray(ids.map(keyOf))]);
  return new Map(rows.map(storedSession).map((state) => [state.id, state]));
}

async function readRecordsOf(
  session: Session,
  wanted: AppendNeeds["records"],
): Promise<ReadonlyMap<string, LogRecord>> {
  const found = await Promise.all(wanted.map(({ kind, key }) => readRecord(session, kind, key)));
  const records = found.filter((record) => record !== undefined);
  return new Map(records.map((record) => [pairKey(record.kind, record.key), record]));
}

/** Only events that can be there: most requests are for the one behind the last. */
async function readEventsOf(
  session: Session,
  wanted: AppendNeeds["events"],
  sessions: ReadonlyMap<SessionId, SessionState>,
): Promise<ReadonlyMap<string, StoredEvent>> {
  const stored = wanted.filter(({ session: id, seq }) => seq < (sessions.get(id)?.nextSeq ?? 0));
  const found = await Promise.all(
    stored.map(({ session: id, seq }) => readEvent(session, id, seq)),
  );
  const events = found.filter((event) => event !== undefined);
  return new Map(events.map((event) => [pairKey(event.session, String(event.seq)), event]));
}

function pairKey(a: string, b: string): string {
  return `${a}\0${b}`;
}

/** Whether what was built is what stands there: nobody else can have put these leaves there. */
export async function isStored(session: Session, additions: readonly Addition[]): Promise<boolean> {
  const first = additions[0]?.events[0];
  if (first === undefined) return true;
  await lockHead(session);
  const known = await readEvent(session, first.session, first.seq);
  return known?.index === first.index && equalBytes(known.leaf, first.leaf);
}

/** Rows that several additions change are written once, as the last of them leaves them. */
export async function write(session: Session, additions: readonly Addition[]): Promise<void> {
  const filled = additions.filter(({ events }) => events.length > 0);
  const last = filled.at(-1);
  const first = filled[0]?.events[0];
  if (last === undefined || first === undefined) return;
  const [head] = await Promise.all([
    writeHead(session, first.index, last.head),
    writeSessions(session, filled),
    insert(
      session,
      "aegis_event(idx, session, seq, ts_ms, type, decision, leaf, body)",
      events(filled),
    ),
    insert(
      session,
      "aegis_node(level, position, hash)",
      filled.flatMap(({ nodes }) =>
        nodes.map(({ level, position, hash }) => [level, position, hash]),
      ),
    ),
    writePolicyLoads(session, filled),
    writeRecords(session, filled),
  ]);
  if (head === 1) return;
  throw new AegisError("ledger/tampered", "Cannot append: the head moved while it was locked");
}

async function writeHead(session: Session, before: number, head: TreeHead): Promise<number> {
  const sql = "UPDATE aegis_head SET size = $1, frontier = $2 WHERE id = 1 AND size = $3";
  return (await session.query(sql, [head.size, frontierValue(head), before])).count;
}

function events(additions: readonly Addition[]): readonly (readonly SqlValue[])[] {
  const encoder = new TextEncoder();
  return additions.flatMap(({ events: added }) =>
    added.map(({ index, session, seq, tsUnixMs, type, decision, leaf, body }) => [
      ...[index, keyOf(session), seq, tsUnixMs, toldText(type), decisionValue(decision)],
      leaf,
      encoder.encode(body),
    ]),
  );
}

/** What events after the first can change. */
const changing = [
  ...["tag", "closed_ms", "exit_status", "access_count", "denied_count", "next_seq", "last_hash"],
];

/** With where it begins. */
export const sessionTable = `aegis_session(first_idx, ${sessionColumns})`;

async function writeSessions(session: Session, additions: readonly Addition[]): Promise<void> {
  const rows = new Map<SessionId, { first: number; state: SessionState }>();
  for (const { session: state, events: added } of additions) {
    const first = rows.get(state.id)?.first ?? added[0]?.index ?? 0;
    rows.set(state.id, { first, state });
  }
  const values = [...rows.values()].map(({ first, state }) => [first, ...sessionTexts(state)]);
  const changes = changing.map((column) => `${column} = excluded.${column}`).join(", ");
  await insert(session, sessionTable, values, `ON CONFLICT (id) DO UPDATE SET ${changes}`);
}

/** In the order of `sessionColumns`. */
export function sessionTexts(state: SessionState): readonly SqlValue[] {
  return sessionValues({
    ...state,
    id: keyOf(state.id) as SessionId,
    name: toldText(state.name),
    directory: toldText(state.directory),
    tag: state.tag === undefined ? undefined : toldText(state.tag),
  });
}

async function writePolicyLoads(session: Session, additions: readonly Addition[]): Promise<void> {
  const loads = additions.flatMap(({ policyLoad }) => policyLoad ?? []);
  const policies = new Map(loads.map(({ snapshot }) => [snapshot.hash, snapshot]));
  await Promise.all([
    insert(
      session,
      "aegis_policy(hash, sources)",
      [...policies.values()].map(({ hash, sources }) => [hash, canonicalJson(sources)]),
      "ON CONFLICT (hash) DO NOTHING",
    ),
    insert(
      session,
      "aegis_policy_load(idx, session, ts_ms, hash)",
      loads.map((load) => [load.index, keyOf(load.session), load.tsUnixMs, load.snapshot.hash]),
    ),
  ]);
}

async function writeRecords(session: Session, additions: readonly Addition[]): Promise<void> {
  const all = additions.flatMap(({ records = [] }) => records);
  const records = new Map(all.map((record) => [pairKey(record.kind, record.key), record]));
  await insert(
    session,
    "aegis_record(kind, key, json)",
    [...records.values()].map(({ kind, key, json }) => [kind, toldText(key), json]),
    "ON CONFLICT (kind, key) DO UPDATE SET json = excluded.json",
  );
}

/** A server keeps each text it has seen: a few sizes of statements make every number of rows. */
const rowsMax = 256;

export async function insert(
  session: Session,
  into: string,
  rows: readonly (readonly SqlValue[])[],
  otherwise = "",
): Promise<void> {
  const sent: Promise<unknown>[] = [];
  for (let at = 0, size = rowsMax; at < rows.length; ) {
    if (at + size > rows.length) {
      size /= 2;
      continue;
    }
    const part = rows.slice(at, at + size);
    sent.push(session.query(insertText(into, part, otherwise), part.flat()));
    at += size;
  }
  await Promise.all(sent);
}

function insertText(
  into: string,
  rows: readonly (readonly SqlValue[])[],
  otherwise: string,
): string {
  let at = 0;
  const places = rows.map((row) => `(${row.map(() => `$${++at}`).join(", ")})`);
  return `INSERT INTO ${into} VALUES ${places.join(", ")} ${otherwise}`;
}
