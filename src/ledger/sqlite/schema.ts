// The SQLite form of a ledger: tables, guard triggers, pragmas, and making or recognising a
// database. Triggers stop accidents and honest tools; they are no evidence, verify is.

import type { Database } from "bun:sqlite";
import { AegisError } from "../../base/errors.ts";
import { newLedgerName } from "../../base/ids.ts";
import { ledgerLockWaitMs, walSizeMaxBytes } from "../../base/limits.ts";

/** "AEGS": marks the file as a ledger. */
const applicationId = 0x41454753;
/** Raised when tables change; an older aegis then refuses the file instead of guessing. */
const schemaVersion = 4;

type Pragma = readonly [name: string, wanted: string, readBack: string | number];

/** What is asked of every connection and read back; SQLite ignores a pragma it does not take. */
const pragmas = [
  ["journal_mode", "WAL", "wal"],
  ["synchronous", "FULL", 2],
  ["foreign_keys", "ON", 1],
  ["recursive_triggers", "ON", 1],
  ["trusted_schema", "OFF", 0],
  ["cell_size_check", "ON", 1],
  ["mmap_size", "0", 0],
  ["wal_autocheckpoint", "0", 0],
  ["journal_size_limit", String(walSizeMaxBytes), walSizeMaxBytes],
] as const satisfies readonly Pragma[];

/** SQLite has no table of these to read them from. */
const untabled: ReadonlySet<string> = new Set(["mmap_size", "wal_autocheckpoint"]);

/** In one statement each, because a connection is opened on the way of every launch. */
const setAll = pragmas.map(([name, wanted]) => `PRAGMA ${name} = ${wanted}`).join("; ");
const tabled = pragmas.filter(([name]) => !untabled.has(name));
const readTabled = `SELECT ${tabled.map(([name]) => `(SELECT * FROM pragma_${name})`).join(", ")}`;

const tables: Readonly<Record<string, string>> = {
  head: `CREATE TABLE head(
    id INTEGER PRIMARY KEY CHECK (id = 1),
    origin TEXT NOT NULL,
    size INTEGER NOT NULL,
    frontier BLOB NOT NULL
  ) STRICT`,
  session: `CREATE TABLE session(
    num INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    mode TEXT NOT NULL,
    command TEXT NOT NULL,
    directory TEXT NOT NULL,
    policy_hash TEXT NOT NULL,
    tag TEXT,
    opened_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    exit_status INTEGER,
    access_count INTEGER NOT NULL,
    denied_count INTEGER NOT NULL,
    next_seq INTEGER NOT NULL,
    last_hash TEXT NOT NULL
  ) STRICT`,
  event: `CREATE TABLE event(
    idx INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session(num),
    seq INTEGER NOT NULL,
    ts_ms INTEGER NOT NULL,
    type TEXT NOT NULL,
    decision INTEGER,
    leaf BLOB NOT NULL,
    body TEXT NOT NULL
  ) STRICT`,
  purged: `CREATE TABLE purged(
    idx INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session(num),
    leaf BLOB NOT NULL
  ) STRICT`,
  node: `CREATE TABLE node(
    level INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, position)
  ) STRICT, WITHOUT ROWID`,
  policy: `CREATE TABLE policy(
    hash TEXT PRIMARY KEY,
    sources TEXT NOT NULL
  ) STRICT, WITHOUT ROWID`,
  policy_load: `CREATE TABLE policy_load(
    idx INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session(num),
    ts_ms INTEGER NOT NULL,
    hash TEXT NOT NULL REFERENCES policy(hash)
  ) STRICT`,
  checkpoint: `CREATE TABLE checkpoint(
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
  ) STRICT`,
  record: `CREATE TABLE record(
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (kind, key)
  ) STRICT, WITHOUT ROWID`,
};

const indexes: Readonly<Record<string, string>> = {
  session_name: "CREATE INDEX session_name ON session(name)",
  event_chain: "CREATE UNIQUE INDEX event_chain ON event(session, seq)",
  event_denied: "CREATE INDEX event_denied ON event(idx) WHERE decision = 0",
};

/** A row that may go: its place in the tree is kept already. */
const isKeptAsPurged = "EXISTS (SELECT 1 FROM purged WHERE idx = OLD.idx AND leaf = OLD.leaf)";
/** The row of a session whose events are gone may lose what they said. */
const isPurge =
  "NEW.next_seq IS OLD.next_seq AND NEW.last_hash = '' AND " +
  "NOT EXISTS (SELECT 1 FROM event WHERE session = OLD.num)";

/** `INSERT OR REPLACE` slips past a DELETE trigger, so inserts are guarded by themselves. */
const guards: Readonly<Record<string, string>> = {
  ...guard("event", "delete", `NOT ${isKeptAsPurged}`),
  ...guard("event", "update", "TRUE"),
  ...guard("event", "insert", "NEW.idx IS NOT (SELECT coalesce(max(idx), -1) + 1 FROM event)"),
  ...keepRows(
    "purged",
    "NOT EXISTS (SELECT 1 FROM event WHERE (idx, session, leaf) = (NEW.idx, NEW.session, NEW.leaf))",
  ),
  ...keepRows(
    "node",
    "EXISTS (SELECT 1 FROM node WHERE (level, position) = (NEW.level, NEW.position))",
  ),
  ...keepRows("policy", "EXISTS (SELECT 1 FROM policy WHERE hash = NEW.hash)"),
  ...keepRows("policy_load", "EXISTS (SELECT 1 FROM policy_load WHERE idx = NEW.idx)"),
  ...keepRows("checkpoint", "EXISTS (SELECT 1 FROM checkpoint WHERE size = NEW.size)"),
  ...guard("session", "delete", "TRUE"),
  ...guard("session", "insert", "EXISTS (SELECT 1 FROM session WHERE id = NEW.id)"),
  ...guard(
    "session",
    "update",
    `NEW.id IS NOT OLD.id OR (NEW.next_seq <= OLD.next_seq AND NOT (${isPurge}))`,
  ),
  ...guard("head", "delete", "TRUE"),
  ...guard("head", "insert", "EXISTS (SELECT 1 FROM head)"),
  ...guard("head", "update", "NEW.origin IS NOT OLD.origin OR NEW.size <= OLD.size"),
};

function keepRows(table: string, refusedInsert: string): Record<string, string> {
  return {
    ...guard(table, "delete", "TRUE"),
    ...guard(table, "update", "TRUE"),
    ...guard(table, "insert", refusedInsert),
  };
}

function guard(table: string, verb: string, refused: string): Record<string, string> {
  const name = `${table}_${verb}_guard`;
  const when = refused === "TRUE" ? "" : ` WHEN ${refused}`;
  return {
    [name]:
      `CREATE TRIGGER ${name} BEFORE ${verb.toUpperCase()} ON ${table}${when} ` +
      `BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END`,
  };
}

/** Every object of the schema with the text that makes it. */
const schema: Readonly<Record<string, string>> = { ...tables, ...indexes, ...guards };

/** What the fourth version has and those before it have not, or otherwise: nothing was purged. */
const purgeObjects: readonly string[] = Object.keys({ purged: "", ...keepRows("purged", "") });
const guardsBeforePurge: Readonly<Record<string, string>> = {
  ...guard("event", "delete", "TRUE"),
  ...guard("session", "update", "NEW.id IS NOT OLD.id OR NEW.next_seq <= OLD.next_seq"),
};

/** The schemas of older versions; those before the third know of no seals of records. */
const olderSchemas: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  1: olderSchema(["record", ...purgeObjects]),
  2: olderSchema(purgeObjects),
  3: olderSchema(purgeObjects),
};

function olderSchema(lacking: readonly string[]): Readonly<Record<string, string>> {
  const kept = Object.entries(schema).filter(([name]) => !lacking.includes(name));
  return { ...Object.fromEntries(kept), ...guardsBeforePurge };
}

/**
 * Sets up a connection: recognises the file before it changes anything in it, then makes the tables
 * in an empty one.
 * @throws {AegisError} `ledger/unavailable` when it is no ledger, a newer one, or SQLite does not
 * take a setting
 */
export function prepareDatabase(db: Database, path: string): void {
  const found = recognise(db, path);
  db.run(setAll);
  checkPragmas(db);
  if (found !== "ledger") create(db, path);
  // Last, so that opening fails fast and its caller can try again within one bound for all of it.
  const wait = pragmaValue(db, `busy_timeout = ${ledgerLockWaitMs}`);
  checkPragma(["busy_timeout", String(ledgerLockWaitMs), ledgerLockWaitMs], wait);
}

/** @throws {AegisError} `ledger/unavailable` when it is no ledger, or a newer one */
export function recognise(db: Database, path: string): "ledger" | "older" | "empty" {
  // In one statement, so from one state of the file: another process may be making the tables.
  const marks =
    "SELECT (SELECT * FROM pragma_application_id), (SELECT * FROM pragma_user_version), " +
    "(SELECT count(*) FROM sqlite_master)";
  const [application, version, objects] = firstRow(db, marks);
  const isOurs = application === applicationId;
  if (isOurs && version === schemaVersion) return "ledger";
  if (isOurs && typeof version === "number" && version in olderSchemas) return "older";
  if (isOurs) {
    const format = `its format ${version} is newer than ${schemaVersion}`;
    const message = `Cannot open the ledger "${path}": ${format}`;
    throw new AegisError("ledger/unavailable", message, { hint: "update aegis" });
  }
  if (objects === 0 && version === 0) return "empty";
  const message = `Cannot open the ledger "${path}": it is another kind of database`;
  throw new AegisError("ledger/unavailable", message, { hint: "choose another file" });
}

function checkPragmas(db: Database): void {
  const found = firstRow(db, readTabled);
  for (const [at, pragma] of tabled.entries()) checkPragma(pragma, found[at]);
  for (const pragma of pragmas) {
    if (untabled.has(pragma[0])) checkPragma(pragma, pragmaValue(db, pragma[0]));
  }
}

function checkPragma([name, wanted, expected]: Pragma, found: unknown): void {
  if (found === expected) return;
  throw new AegisError(
    "ledger/unavailable",
    `Cannot open the ledger: SQLite has "${name}" at "${found}" instead of "${wanted}"`,
  );
}

/** Makes the tables, or those that an older version lacks, alone among all processes. */
function create(db: Database, path: string): void {
  db.run("BEGIN IMMEDIATE");
  try {
    const found = recognise(db, path);
    if (found === "empty") createTables(db);
    else if (found === "older") upgrade(db);
    db.run("COMMIT");
  } catch (error) {
    if (db.inTransaction) db.run("ROLLBACK");
    throw error;
  }
}

/** Adds what newer versions have; nothing that was written is touched. */
function upgrade(db: Database): void {
  const older = olderSchemas[Number(pragmaValue(db, "user_version"))] ?? schema;
  const found = objectsOf(db);
  for (const [name, sql] of Object.entries(schema)) {
    if (!(name in older)) db.run(sql);
    // A guard that was taken away or changed stays so, for verify to find.
    else if (older[name] !== sql && found.get(name) === older[name]) {
      db.run(`DROP TRIGGER ${name}`);
      db.run(sql);
    }
  }
  db.run(`PRAGMA user_version = ${schemaVersion}`);
}

function createTables(db: Database): void {
  for (const statement of Object.values(schema)) db.run(statement);
  const insert = "INSERT INTO head(id, origin, size, frontier) VALUES (1, ?, 0, x'')";
  db.query<null, [string]>(insert).run(`aegis.local/${newLedgerName()}`);
  mark(db);
}

function mark(db: Database): void {
  db.run(`PRAGMA application_id = ${applicationId}`);
  db.run(`PRAGMA user_version = ${schemaVersion}`);
}

/** The tables of a copy before it is filled; `closeCopy` makes it a ledger. */
export function createBareTables(db: Database): void {
  for (const statement of Object.values(tables)) db.run(statement);
}

/** Indexes and guards come last: what was wrong in the original is for verify to find. */
export function closeCopy(db: Database): void {
  for (const statement of Object.values({ ...indexes, ...guards })) db.run(statement);
  mark(db);
}

/** Whether events can have been purged from it: not from a copy that an older aegis made. */
export function knowsPurges(db: Database): boolean {
  return !(Number(pragmaValue(db, "user_version")) in olderSchemas);
}

/** Objects of the schema of its version that are missing, different or additional. */
export function schemaProblems(db: Database): readonly string[] {
  const wanted = olderSchemas[Number(pragmaValue(db, "user_version"))] ?? schema;
  const found = objectsOf(db);
  const problems = Object.entries(wanted).flatMap(([name, sql]) => {
    if (!found.has(name)) return [`"${name}" is missing from the database`];
    return found.get(name) === sql ? [] : [`"${name}" is not as it was made`];
  });
  const extra = [...found.keys()].filter((name) => !(name in wanted));
  const [heads, id] = firstRow(db, "SELECT count(*), max(id) FROM head");
  if (heads !== 1 || id !== 1) problems.push("the head is not the one row it was made as");
  return [...problems, ...extra.map((name) => `"${name}" does not belong in a ledger`)];
}

function objectsOf(db: Database): ReadonlyMap<string, string | null> {
  const rows = db.query<{ name: string; sql: string | null }, []>(
    "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'",
  );
  return new Map(rows.all().map(({ name, sql }) => [name, sql]));
}

function pragmaValue(db: Database, name: string): unknown {
  return firstRow(db, `PRAGMA ${name}`)[0];
}

function firstRow(db: Database, sql: string): readonly unknown[] {
  const statement = db.prepare<unknown[], []>(sql);
  try {
    return statement.values()[0] ?? [];
  } finally {
    statement.finalize();
  }
}
