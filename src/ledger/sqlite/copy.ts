// A ledger of another store as a SQLite database, event by event as it is there. Nothing is judged
// here: what is wrong in the original is wrong in the copy, for verify to find.

import { Database, type SQLQueryBindings } from "bun:sqlite";
import { canonicalJson } from "../../base/canonical-json.ts";
import { AegisError } from "../../base/errors.ts";
import type { SessionId } from "../../base/ids.ts";
import { copyPageSize } from "../../base/limits.ts";
import { decisionValue, frontierValue, sessionColumns, sessionValues } from "../rows.ts";
import type { Snapshot } from "../store.ts";
import { isConstraint, unavailable } from "./error.ts";
import { closeCopy, createBareTables } from "./schema.ts";

/**
 * Makes the empty file at `path` a ledger with everything that `whole` has. It is not durable yet.
 * @throws {AegisError} `ledger/tampered` where its rows do not fit together
 */
export async function copyIntoSqlite(path: string, whole: Snapshot): Promise<void> {
  let db: Database | undefined;
  try {
    db = new Database(path, { readwrite: true, create: false });
    // Whoever is interrupted begins anew with another file, so there is nothing to go back to.
    db.run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    db.run("BEGIN");
    createBareTables(db);
    const numbers = copySessions(db, whole);
    copyDerived(db, whole, numbers);
    await copyEvents(db, whole, numbers);
    await copyPurged(db, whole, numbers);
    await copyRecords(db, whole);
    closeCopy(db);
    db.run("COMMIT");
  } catch (error) {
    if (!isConstraint(error)) throw unavailable("copy the ledger to", path, error);
    throw contradiction("its rows contradict each other", error);
  } finally {
    db?.close();
  }
}

type Numbers = ReadonlyMap<SessionId, number>;

/** In the order of their beginning, as they would have come in here. */
function copySessions(db: Database, whole: Snapshot): Numbers {
  const put = inserter(db, `session(num, ${sessionColumns})`);
  const numbers = new Map<SessionId, number>();
  for (const session of [...whole.sessions()].reverse()) {
    numbers.set(session.id, numbers.size + 1);
    put([numbers.size, ...sessionValues(session)]);
  }
  return numbers;
}

function copyDerived(db: Database, whole: Snapshot, numbers: Numbers): void {
  const head = whole.head();
  const putHead = inserter(db, "head(id, origin, size, frontier)");
  putHead([1, whole.origin, head.size, frontierValue(head)]);
  const putNode = inserter(db, "node(level, position, hash)");
  for (const { level, position, hash } of whole.nodes()) putNode([level, position, hash]);
  const putPolicy = inserter(db, "policy(hash, sources)");
  for (const { hash, sources } of whole.policies()) putPolicy([hash, canonicalJson(sources)]);
  const putLoad = inserter(db, "policy_load(idx, session, ts_ms, hash)");
  for (const { index, session, tsUnixMs, snapshot } of whole.policyLoads()) {
    putLoad([index, numberOf(numbers, session, index), tsUnixMs, snapshot.hash]);
  }
  const putCheckpoint = inserter(db, "checkpoint(size, note)");
  for (const { size, note } of whole.checkpoints()) putCheckpoint([size, note]);
}

async function copyEvents(db: Database, whole: Snapshot, numbers: Numbers): Promise<void> {
  const columns = "idx, session, seq, ts_ms, type, decision, leaf, body";
  // As the bytes they are: a text would be repaired on the way.
  const put = db.query<null, SQLQueryBindings[]>(
    `INSERT INTO event(${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT))`,
  );
  for (let first = 0; ; ) {
    const page = await whole.eventsFrom(first, copyPageSize);
    for (const { index, session, seq, tsUnixMs, type, decision, leaf, body } of page) {
      const num = numberOf(numbers, session, index);
      put.run(index, num, seq, tsUnixMs, type, decisionValue(decision), leaf, body);
    }
    const next = (page.at(-1)?.index ?? -1) + 1;
    if (next <= first) return;
    first = next;
  }
}

async function copyPurged(db: Database, whole: Snapshot, numbers: Numbers): Promise<void> {
  const put = inserter(db, "purged(idx, session, leaf)");
  for (let page = await whole.purgedFrom(0, copyPageSize); ; ) {
    for (const { index, session, leaf } of page) {
      put([index, numberOf(numbers, session, index), leaf]);
    }
    const last = page.at(-1);
    if (last === undefined) return;
    page = await whole.purgedFrom(last.index + 1, copyPageSize);
  }
}

async function copyRecords(db: Database, whole: Snapshot): Promise<void> {
  const put = inserter(db, "record(kind, key, json)");
  for (let page = await whole.recordsFrom(undefined, copyPageSize); ; ) {
    for (const { kind, key, json } of page) put([kind, key, json]);
    const last = page.at(-1);
    if (last === undefined) return;
    page = await whole.recordsFrom(last, copyPageSize);
  }
}

function inserter(db: Database, into: string): (values: readonly SQLQueryBindings[]) => void {
  const places = into.split(",").map(() => "?");
  const statement = db.query<null, SQLQueryBindings[]>(
    `INSERT INTO ${into} VALUES (${places.join(", ")})`,
  );
  return (values) => {
    statement.run(...values);
  };
}

function numberOf(numbers: Numbers, session: SessionId, index: number): number {
  const number = numbers.get(session);
  if (number !== undefined) return number;
  throw contradiction(`event ${index} is of a session that has no row`);
}

function contradiction(why: string, cause?: unknown): AegisError {
  return new AegisError("ledger/tampered", `Cannot copy the ledger: ${why}`, {
    hint: "run `aegis audit verify` on it",
    cause,
  });
}
