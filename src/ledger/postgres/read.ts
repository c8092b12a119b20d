// Reading a PostgreSQL ledger: queries by filter for people and programs, and the records.

import type { EventFilter } from "../contract.ts";
import type { LogRecord } from "../control/contract.ts";
import { columnFilter, matchesSearch } from "../filter.ts";
import { fittingCount } from "../fitting.ts";
import {
  bytesOf,
  type CheckpointRow,
  checkpointOf,
  type HeadRow,
  headOf,
  numberOf,
  type PurgedRow,
  policyOf,
  purgedOf,
  sessionColumns,
  sessionIdOf,
  textOf,
} from "../rows.ts";
import { readSealed } from "../seal.ts";
import { type PurgedEvent, type Store, type StoredEvent, storedLevelMin } from "../store.ts";
import { appendLeaves, emptyTree, type Hash, type NodePlace, rootOf } from "../tree/merkle.ts";
import { readChain, readEvent, readSession, readSessionsUnder, textRange } from "./chains.ts";
import type { Connections } from "./connection.ts";
import type { Session, SqlRow, SqlValue } from "./pool.ts";
import { eventColumns, keyOf, plainRow, storedEvent, storedSession, toldText } from "./rows.ts";

type Writing = "append" | "appendMany" | "addCheckpoint" | "putRecord" | "removeRecord" | "scrub";
type Reader = Omit<Store, Writing | "origin" | "snapshot" | "close">;

const searchPageSize = 1000;
/** Short, because readiness is asked by it. */
const headSilenceMs = 5000;

export function createReader({ read }: Connections): Reader {
  return {
    head: () => read(readHead, headSilenceMs),
    sessions: ({ last, name }) => read((session) => readSessions(session, last, name)),
    session: (id) => read((session) => readSession(session, id)),
    events: (filter, page) => read((session) => readEvents(session, filter, page)),
    eventsFrom: (first, limit) => read((session) => readFrom(session, first, limit)),
    indexOf: (id, seq) =>
      read(async (session) => {
        const sql = "SELECT idx FROM aegis_event WHERE session = $1 AND seq = $2";
        const [row] = (await session.query(sql, [keyOf(id), seq])).rows;
        return row === undefined ? undefined : numberOf(plainRow(row).idx);
      }),
    chain: (query) => read((session) => readChain(session, query)),
    event: (id, seq) => read((session) => readEvent(session, id, seq)),
    sessionsUnder: (prefix, last, before) =>
      read((session) => readSessionsUnder(session, prefix, last, before)),
    record: (kind, key) => read((session) => readRecord(session, kind, key)),
    records: (...where) => read((session) => readRecords(session, ...where)),
    policyLoads: (last) => read((session) => readPolicyLoads(session, last)),
    checkpoints: (last) =>
      read(async (session) => {
        const sql = "SELECT size, note FROM aegis_checkpoint ORDER BY size DESC LIMIT $1";
        const { rows } = await session.query(sql, [last]);
        return rows.map((row) => checkpointOf(plainRow<CheckpointRow>(row)));
      }),
    nodes: (places) =>
      read((session) => Promise.all(places.map((place) => readNode(session, place)))),
  };
}

export async function readHead(session: Session) {
  const [row] = (await session.query("SELECT size, frontier FROM aegis_head")).rows;
  return row === undefined ? emptyTree : headOf(plainRow<HeadRow>(row));
}

/** @param last undefined: all of them */
export async function readSessions(
  session: Session,
  last: number | undefined,
  name: string | undefined,
) {
  const values: SqlValue[] = [];
  const add = (value: SqlValue): string => `$${values.push(value)}`;
  const where = name === undefined ? "" : `WHERE name = ${add(toldText(name))} `;
  const limit = last === undefined ? "" : ` LIMIT ${add(last)}`;
  const sql = `SELECT ${sessionColumns} FROM aegis_session ${where}ORDER BY first_idx DESC${limit}`;
  return (await session.query(sql, values)).rows.map(storedSession);
}

export async function readFrom(session: Session, first: number, limit: number) {
  const sql = `SELECT ${eventColumns} FROM aegis_event e WHERE e.idx >= $1 ORDER BY e.idx LIMIT $2`;
  const fitting = await fittingFrom(session, first, limit);
  return (await session.query(sql, [first, fitting])).rows.map(storedEvent);
}

/** How many events are read at once. */
async function fittingFrom(session: Session, first: number, limit: number): Promise<number> {
  const sql =
    "SELECT octet_length(body) AS size FROM aegis_event WHERE idx >= $1 ORDER BY idx LIMIT $2";
  const { rows } = await session.query(sql, [first, limit]);
  const sizes = rows.map((row) => numberOf(plainRow(row).size));
  const count = fittingCount(sizes);
  return count < sizes.length ? count : limit;
}

export async function readPurgedFrom(
  session: Session,
  first: number,
  limit: number,
): Promise<readonly PurgedEvent[]> {
  const sql = "SELECT idx, session, leaf FROM aegis_purged WHERE idx >= $1 ORDER BY idx LIMIT $2";
  const { rows } = await session.query(sql, [first, limit]);
  return rows.map((row) => purgedOf(plainRow<PurgedRow>(row)));
}

export async function readRecord(
  session: Session,
  kind: string,
  key: string,
): Promise<LogRecord | undefined> {
  const sql = "SELECT json FROM aegis_record WHERE kind = $1 AND key = $2";
  const [row] = (await session.query(sql, [kind, toldText(key)])).rows;
  return row === undefined ? undefined : { kind, key, json: textOf(row.json) };
}

async function readRecords(
  session: Session,
  kind: string,
  prefix: string,
  limit: number,
  after?: string,
): Promise<readonly LogRecord[]> {
  const [from, to] = textRange(prefix);
  const begin = after === undefined ? ">=" : ">";
  const sql =
    `SELECT key, json FROM aegis_record WHERE kind = $1 AND key ${begin} $2 AND key < $3 ` +
    "ORDER BY key LIMIT $4";
  const first = after === undefined ? from : toldText(after);
  const { rows } = await session.query(sql, [kind, first, to, limit]);
  return rows.map((row) => {
    const { key, json } = plainRow(row);
    return { kind, key: textOf(key), json: textOf(json) };
  });
}

export async function readRecordsFrom(
  session: Session,
  after: Pick<LogRecord, "kind" | "key"> | undefined,
  limit: number,
): Promise<readonly LogRecord[]> {
  const behind = after === undefined ? "" : "WHERE (kind, key) > ($2, $3) ";
  const sql = `SELECT kind, key, json FROM aegis_record ${behind}ORDER BY kind, key LIMIT $1`;
  const bound = after === undefined ? [] : [after.kind, toldText(after.key)];
  const { rows } = await session.query(sql, [limit, ...bound]);
  return rows.map((row) => {
    const { kind, key, json } = plainRow(row);
    return { kind: textOf(kind), key: textOf(key), json: textOf(json) };
  });
}

async function readPolicyLoads(session: Session, last: number) {
  const sql =
    "SELECT l.session, l.ts_ms, l.hash, p.sources FROM aegis_policy_load l " +
    "JOIN aegis_policy p ON p.hash = l.hash ORDER BY l.idx DESC LIMIT $1";
  type Row = { readonly [K in "session" | "ts_ms" | "hash" | "sources"]: unknown };
  const { rows } = await session.query(sql, [last]);
  return rows.map((found) => {
    const row = plainRow<Row>(found);
    return {
      session: sessionIdOf(row.session),
      tsUnixMs: numberOf(row.ts_ms),
      snapshot: policyOf(row),
    };
  });
}

/** Nodes that are not stored have few enough leaves to be computed at once. */
async function readNode(session: Session, { level, position }: NodePlace): Promise<Hash> {
  if (level >= storedLevelMin) {
    const sql = "SELECT hash FROM aegis_node WHERE level = $1 AND position = $2";
    const [row] = (await session.query(sql, [level, position])).rows;
    return bytesOf(row === undefined ? undefined : plainRow(row).hash);
  }
  const range = "WHERE idx >= $1 AND idx < $2";
  const sql =
    `SELECT idx, leaf FROM aegis_event ${range} UNION ALL ` +
    `SELECT idx, leaf FROM aegis_purged ${range} ORDER BY idx`;
  const ends = [position * 2 ** level, (position + 1) * 2 ** level];
  const { rows } = await session.query(sql, ends);
  const leaves = rows.map((row) => bytesOf(plainRow(row).leaf));
  return rootOf(appendLeaves(emptyTree, leaves, () => undefined));
}

const everything = "TRUE";
const countAll = "SELECT size, (SELECT count(*) FROM aegis_purged) AS count FROM aegis_head";

interface Where {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

function whereOf(filter: EventFilter): Where {
  const { session, types, decision, principal, fromUnixMs, toUnixMs } = columnFilter(filter);
  const terms: string[] = [];
  const values: SqlValue[] = [];
  const bound = (value: SqlValue): string => `$${values.push(value)}`;
  if (session !== undefined) terms.push(`e.session = ${bound(keyOf(session))}`);
  if (types !== undefined) {
    const wanted = types.map((type) => bound(toldText(type))).join(", ");
    terms.push(types.length === 0 ? "FALSE" : `e.type IN (${wanted})`);
  }
  if (decision !== undefined) terms.push(`e.decision = ${decision === "deny" ? 0 : 1}`);
  if (principal !== undefined) {
    const named = `SELECT id FROM aegis_session WHERE name = ${bound(toldText(principal))}`;
    terms.push(`e.session IN (${named})`);
  }
  if (fromUnixMs !== undefined) terms.push(`e.ts_ms >= ${bound(fromUnixMs)}`);
  if (toUnixMs !== undefined) terms.push(`e.ts_ms <= ${bound(toUnixMs)}`);
  return { sql: terms.length === 0 ? everything : terms.join(" AND "), values };
}

async function readEvents(
  session: Session,
  filter: EventFilter,
  { limit, offset }: { readonly limit: number; readonly offset: number },
) {
  const { sql, values } = whereOf(filter);
  const from = `FROM aegis_event e WHERE ${sql}`;
  const at = values.length;
  if (filter.search !== undefined) {
    return searchEvents(session, { sql: from, values }, filter.search, limit, offset);
  }
  const page = `SELECT ${eventColumns} ${from} ORDER BY e.idx DESC LIMIT $${at + 1} OFFSET $${at + 2}`;
  const [found, counted] = await Promise.all([
    session.query(page, [...values, limit, offset]),
    session.query(sql === everything ? countAll : `SELECT count(*) AS count ${from}`, values),
  ]);
  const [total = 0] = counted.rows.map((row: SqlRow) => {
    const { size, count } = plainRow(row);
    return size === undefined ? numberOf(count) : numberOf(size) - numberOf(count);
  });
  return { events: found.rows.map(storedEvent), total };
}

async function searchEvents(
  session: Session,
  { sql, values }: Where,
  search: string,
  limit: number,
  offset: number,
) {
  const needle = search.toLowerCase();
  const events: StoredEvent[] = [];
  let total = 0;
  const at = values.length;
  const page =
    `SELECT ${eventColumns} ${sql} AND e.idx < $${at + 1} ` +
    `ORDER BY e.idx DESC LIMIT $${at + 2}`;
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const { rows } = await session.query(page, [...values, before, searchPageSize]);
    for (const event of rows.map(storedEvent)) {
      const payload = readSealed(event.body)?.payload;
      before = event.index;
      if (payload === undefined || !matchesSearch(payload, needle)) continue;
      if (total >= offset && events.length < limit) events.push(event);
      total += 1;
    }
    if (rows.length < searchPageSize) return { events, total };
  }
}
