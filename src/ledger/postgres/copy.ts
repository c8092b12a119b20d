// A ledger of another store as the tables of a PostgreSQL database, in one transaction: all of it
// is there, or nothing. What is wrong in the original is wrong in the copy, for verify to find.

import { canonicalJson } from "../../base/canonical-json.ts";
import { AegisError } from "../../base/errors.ts";
import type { SessionId } from "../../base/ids.ts";
import { copyPageSize } from "../../base/limits.ts";
import { decisionValue } from "../rows.ts";
import type { Snapshot } from "../store.ts";
import { type Connections, connect } from "./connection.ts";
import { isAlreadyMade } from "./error.ts";
import type { PostgresPlace } from "./place.ts";
import type { Session, SqlValue } from "./pool.ts";
import { checkSettings, make, prepareDatabase } from "./prepare.ts";
import { keyOf, toldText } from "./rows.ts";
import { formats, tables } from "./schema.ts";
import { openSnapshot, snapshotOf } from "./snapshot.ts";
import { insert, sessionTable, sessionTexts } from "./write.ts";

const pieceRows = 1024;

/** One moment of the ledger in a database. @throws {AegisError} `ledger/not-found` */
export async function withWholePostgres<T>(
  place: PostgresPlace,
  use: (whole: Snapshot) => Promise<T>,
): Promise<T> {
  const connections = connect(place);
  try {
    const origin = await prepareDatabase(connections, "refuse");
    const whole = await openSnapshot(connections, origin);
    try {
      return await use(whole);
    } finally {
      await whole.close();
    }
  } finally {
    await connections.close();
  }
}

/** @throws {AegisError} `config/exists` where the schema holds a ledger, or a table of one */
export async function requireNoLedger(place: PostgresPlace): Promise<void> {
  const connections = connect(place);
  try {
    await checkSettings(connections);
    await connections.read((session) => requireNone(session, connections.name));
  } finally {
    await connections.close();
  }
}

/**
 * Makes the tables, with everything that `whole` has.
 * @param lastly is shown them before the transaction ends; what it throws undoes everything
 */
export async function copyIntoPostgres(
  place: PostgresPlace,
  whole: Snapshot,
  lastly: (written: Snapshot) => Promise<void>,
): Promise<void> {
  const connections = connect(place);
  try {
    await fillWith(connections, whole, lastly);
  } finally {
    await connections.close();
  }
}

async function fillWith(
  connections: Connections,
  whole: Snapshot,
  lastly: (written: Snapshot) => Promise<void>,
): Promise<void> {
  await connections.fill(async (session) => {
    await requireNone(session, connections.name);
    await make(session, formats, whole.origin, whole.head()).catch((error: unknown) => {
      throw isAlreadyMade(error) ? exists(connections.name) : error;
    });
    const firsts = await copyEvents(session, whole);
    await copyPurged(session, whole, firsts);
    await copySessions(session, whole, firsts);
    await copyDerived(session, whole);
    await copyRecords(session, whole);
    await lastly(await snapshotOf({ session, end: async () => undefined }, whole.origin));
  });
}

async function requireNone(session: Session, name: string): Promise<void> {
  const names = Object.keys(tables).map((table) => `'${table}'`);
  const { rows } = await session.query(
    "SELECT table_name FROM information_schema.tables " +
      `WHERE table_schema = current_schema() AND table_name IN (${names.join(", ")})`,
  );
  if (rows.length > 0) throw exists(name);
}

function exists(name: string): AegisError {
  return new AegisError("config/exists", `Cannot restore to "${name}": a ledger is there`, {
    hint: "name an empty database, or an empty schema of it with search_path=",
  });
}

/** @returns where each session begins */
async function copyEvents(session: Session, whole: Snapshot): Promise<Map<SessionId, number>> {
  const columns = "aegis_event(idx, session, seq, ts_ms, type, decision, leaf, body)";
  const firsts = new Map<SessionId, number>();
  for (let first = 0; ; ) {
    const page = await whole.eventsFrom(first, copyPageSize);
    const rows = page.map((event): readonly SqlValue[] => {
      const { index, session: id, seq, tsUnixMs, type, decision, leaf, body } = event;
      if (seq === 0) firsts.set(id, index);
      const key = [index, keyOf(id), seq, tsUnixMs, toldText(type)];
      return [...key, decisionValue(decision), leaf, body];
    });
    await insert(session, columns, rows);
    const next = (page.at(-1)?.index ?? -1) + 1;
    if (next <= first) return firsts;
    first = next;
  }
}

/** @param firsts is told where those sessions begin whose events were purged */
async function copyPurged(
  session: Session,
  whole: Snapshot,
  firsts: Map<SessionId, number>,
): Promise<void> {
  for (let page = await whole.purgedFrom(0, copyPageSize); ; ) {
    const rows = page.map(({ index, session: id, leaf }): readonly SqlValue[] => {
      if (!firsts.has(id)) firsts.set(id, index);
      return [index, keyOf(id), leaf];
    });
    await insert(session, "aegis_purged(idx, session, leaf)", rows);
    const last = page.at(-1);
    if (last === undefined) return;
    page = await whole.purgedFrom(last.index + 1, copyPageSize);
  }
}

async function copySessions(
  session: Session,
  whole: Snapshot,
  firsts: ReadonlyMap<SessionId, number>,
): Promise<void> {
  const rows = whole
    .sessions()
    .map((state) => [firsts.get(state.id) ?? -1, ...sessionTexts(state)]);
  await insertAll(session, sessionTable, rows);
}

async function copyDerived(session: Session, whole: Snapshot): Promise<void> {
  const nodes = whole.nodes().map(({ level, position, hash }) => [level, position, hash]);
  await insertAll(session, "aegis_node(level, position, hash)", nodes);
  const policies = whole.policies().map(({ hash, sources }) => [hash, canonicalJson(sources)]);
  await insertAll(session, "aegis_policy(hash, sources)", policies);
  const loads = whole
    .policyLoads()
    .map((load) => [load.index, keyOf(load.session), load.tsUnixMs, load.snapshot.hash]);
  await insertAll(session, "aegis_policy_load(idx, session, ts_ms, hash)", loads);
  const checkpoints = whole.checkpoints().map(({ size, note }) => [size, note]);
  await insertAll(session, "aegis_checkpoint(size, note)", checkpoints);
}

async function copyRecords(session: Session, whole: Snapshot): Promise<void> {
  for (let page = await whole.recordsFrom(undefined, copyPageSize); ; ) {
    const rows = page.map(({ kind, key, json }) => [kind, toldText(key), json]);
    await insert(session, "aegis_record(kind, key, json)", rows);
    const last = page.at(-1);
    if (last === undefined) return;
    page = await whole.recordsFrom(last, copyPageSize);
  }
}

/** Rows that were held in memory anyway: sent piece by piece, so that each piece is in time. */
async function insertAll(
  session: Session,
  into: string,
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  for (let at = 0; at < rows.length; at += pieceRows) {
    await insert(session, into, rows.slice(at, at + pieceRows));
  }
}
