// Reading a PostgreSQL ledger: the chains of sessions in order.

import type { SessionId } from "../../base/ids.ts";
import { fittingCount } from "../fitting.ts";
import { numberOf, sessionColumns } from "../rows.ts";
import type { SessionState } from "../session-state.ts";
import type { ChainPage, ChainQuery, StoredEvent } from "../store.ts";
import type { Session, SqlValue } from "./pool.ts";
import { eventColumns, keyOf, plainRow, storedEvent, storedSession, toldText } from "./rows.ts";
import { tenantOf } from "./schema.ts";

export async function readSession(
  session: Session,
  id: SessionId,
): Promise<SessionState | undefined> {
  const sql = `SELECT ${sessionColumns} FROM aegis_session WHERE id = $1`;
  return (await session.query(sql, [keyOf(id)])).rows.map(storedSession)[0];
}

export async function readEvent(
  session: Session,
  id: SessionId,
  seq: number,
): Promise<StoredEvent | undefined> {
  const sql = `SELECT ${eventColumns} FROM aegis_event e WHERE e.session = $1 AND e.seq = $2`;
  return (await session.query(sql, [keyOf(id), seq])).rows.map(storedEvent)[0];
}

export async function readChain(session: Session, query: ChainQuery): Promise<ChainPage> {
  const values: SqlValue[] = [];
  const bound = (value: SqlValue): string => `$${values.push(value)}`;
  const after = bound(query.after);
  const terms = [`e.idx > ${after}`];
  if (query.session !== undefined) {
    const id = bound(keyOf(query.session));
    // Where `after` is an event of the session, its index leads straight behind it.
    const reached = `SELECT r.seq FROM aegis_event r WHERE r.idx = ${after} AND r.session = ${id}`;
    terms.push(`e.session = ${id}`, `e.seq > coalesce((${reached}), -1)`);
  }
  if (query.prefix !== undefined) terms.push(under("e.session", query.prefix, bound));
  if (query.type !== undefined) terms.push(`e.type = ${bound(toldText(query.type))}`);
  if (query.fromUnixMs !== undefined) terms.push(`e.ts_ms >= ${bound(query.fromUnixMs)}`);
  if (query.toUnixMs !== undefined) terms.push(`e.ts_ms <= ${bound(query.toUnixMs)}`);
  const order = query.session === undefined ? "e.idx" : "e.seq";
  const rest =
    `FROM aegis_event e WHERE ${terms.join(" AND ")} ` +
    `ORDER BY ${order} LIMIT ${bound(query.limit)}`;
  const sized = await session.query(`SELECT octet_length(e.body) AS size ${rest}`, values);
  const sizes = sized.rows.map((row) => numberOf(plainRow(row).size));
  const fitting = fittingCount(sizes);
  const limit = fitting < sizes.length ? fitting : query.limit;
  const read = [...values.slice(0, -1), limit];
  const events = (await session.query(`SELECT ${eventColumns} ${rest}`, read)).rows.map(
    storedEvent,
  );
  return { events, next: events.length < limit ? undefined : events.at(-1)?.index };
}

export async function readSessionsUnder(
  session: Session,
  prefix: string,
  last: number,
  before: SessionId | undefined,
): Promise<readonly SessionState[]> {
  const values: SqlValue[] = [];
  const bound = (value: SqlValue): string => `$${values.push(value)}`;
  const theirs = under("id", prefix, bound);
  const first = "SELECT first_idx FROM aegis_session WHERE id =";
  const older = before === undefined ? "" : `AND first_idx < (${first} ${bound(before)}) `;
  const sql =
    `SELECT ${sessionColumns} FROM aegis_session WHERE ${theirs} ${older}` +
    `ORDER BY first_idx DESC LIMIT ${bound(last)}`;
  return (await session.query(sql, values)).rows.map(storedSession);
}

/** A whole tenant is asked for by what there is an index on. */
function under(column: string, prefix: string, bound: (value: SqlValue) => string): string {
  const key = toldText(prefix);
  if (key.indexOf("/") === key.length - 1)
    return `${tenantOf(column)} = ${bound(key.slice(0, -1))}`;
  const [from, to] = textRange(prefix);
  return `${column} >= ${bound(from)} AND ${column} < ${bound(to)}`;
}

/** Texts that begin with `prefix` lie from the first of these to before the second. */
export function textRange(prefix: string): readonly [from: string, to: string] {
  const key = toldText(prefix);
  return [key, `${key}\u{10ffff}`];
}
