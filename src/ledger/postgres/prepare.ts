// Making or recognising a ledger in a PostgreSQL database, and refusing a server that would say
// "stored" of what a power cut takes away.

import { AegisError } from "../../base/errors.ts";
import { newLedgerName } from "../../base/ids.ts";
import { frontierValue, textOf } from "../rows.ts";
import { emptyTree } from "../tree/merkle.ts";
import type { Connections } from "./connection.ts";
import { type Dialect, dialectOf } from "./dialect.ts";
import { isAlreadyMade, isNoTable, isUnnamed, unavailable } from "./error.ts";
import type { Session, SqlRow } from "./pool.ts";
import { formats, guards, purgeGuards, tables, triggers } from "./schema.ts";

/** From which on events may be purged. */
const purgeFormat = 3;

const attemptsMax = 20;
const attemptPauseMs = 50;

/** Settings without which "durable" would be a word; a server that has not got one is not asked. */
const wanted: Readonly<Record<string, RegExp>> = {
  server_encoding: /^utf-?8$/i,
  fsync: /^on$/,
  // Else it goes on after a flush that failed, behind what Linux then counts as written.
  data_sync_retry: /^off$/,
  full_page_writes: /^on$/,
  synchronous_commit: /^(on|local|remote_write|remote_apply)$/,
};

/**
 * @param steps what each format adds, as `formats` has it
 * @returns the origin of the ledger
 * @throws {AegisError} `ledger/unavailable`, or `ledger/not-found` where it is not to be made
 */
export async function prepareDatabase(
  connections: Connections,
  absent: "make" | "refuse",
  steps = formats,
): Promise<string> {
  await checkSettings(connections);
  for (let attempt = 1; ; attempt++) {
    const found = await recognise(connections);
    if (found?.format === steps.length) return found.origin;
    requireKnown(connections.name, found?.format, steps.length);
    if (found === undefined && absent === "refuse") throw notFound(connections.name);
    try {
      await connections.transact({
        run: (session) => migrate(session, steps),
        isStored: async () => false,
      });
    } catch (error) {
      if (!(isRace(error) || isRace(causeOf(error))) || attempt === attemptsMax) throw error;
      await Bun.sleep(attemptPauseMs);
    }
  }
}

function isRace(error: unknown): boolean {
  return isAlreadyMade(error) || isUnnamed(error);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function notFound(name: string): AegisError {
  const message = `Cannot read the ledger "${name}": nothing was recorded there`;
  return new AegisError("ledger/not-found", message, {
    hint: "start `aegis serve --dsn` on it first, or name its schema with search_path=",
  });
}

/** @throws {AegisError} `ledger/unavailable` */
export async function checkSettings({ read, name }: Connections): Promise<void> {
  const names = Object.keys(wanted)
    .map((setting) => `'${setting}'`)
    .join(", ");
  const sql = `SELECT name, setting FROM pg_settings WHERE name IN (${names})`;
  const { rows } = await read((session) => session.query(sql));
  for (const row of rows) {
    const [setting, value] = [textOf(row.name), textOf(row.setting)];
    if (wanted[setting]?.test(value) !== false) continue;
    const message = `Cannot open the ledger "${name}": the server has "${setting}" at "${value}"`;
    throw new AegisError("ledger/unavailable", message, {
      hint: "docs/postgresql.md has the settings that are needed",
    });
  }
}

interface Found {
  readonly format: number;
  readonly origin: string;
}

async function recognise({ read, name }: Connections): Promise<Found | undefined> {
  const found = await read(async (session): Promise<Found | undefined> => {
    try {
      return headOf((await session.query("SELECT format, origin FROM aegis_head")).rows);
    } catch (error) {
      if (isNoTable(error)) return undefined;
      throw error;
    }
  });
  if (found?.origin !== "") return found;
  throw unavailable("open the ledger", name, new Error("its head is gone"));
}

function headOf([row]: readonly SqlRow[]): Found {
  return { format: Number(row?.format ?? 0), origin: textOf(row?.origin) };
}

function requireKnown(name: string, format: number | undefined, newest: number): void {
  if (format === undefined || format < newest) return;
  const message = `Cannot open the ledger "${name}": its format ${format} is newer than ${newest}`;
  throw new AegisError("ledger/unavailable", message, { hint: "update aegis" });
}

/** Brings the tables to the newest format, alone among all servers. */
async function migrate(session: Session, steps: typeof formats): Promise<void> {
  const known = await session.query(
    "SELECT table_name FROM information_schema.tables " +
      "WHERE table_schema = current_schema() AND table_name = 'aegis_head'",
  );
  if (known.rows.length === 0) {
    await make(session, steps);
    return;
  }
  const { rows } = await session.query(
    "SELECT format, guarded FROM aegis_head WHERE id = 1 FOR UPDATE",
  );
  const format = Number(rows[0]?.format ?? steps.length);
  await change(session, await dialectOf(session), steps.slice(format).flat());
  if (format < purgeFormat && Number(rows[0]?.guarded) === 1) {
    for (const statement of purgeGuards) await session.query(statement);
  }
  await session.query("UPDATE aegis_head SET format = $1 WHERE id = 1", [steps.length]);
}

/** Makes the tables, with the head of what is in them or will be before the transaction ends. */
export async function make(
  session: Session,
  steps: typeof formats,
  origin = `aegis.local/${newLedgerName()}`,
  head = emptyTree,
): Promise<void> {
  const dialect = await dialectOf(session);
  await change(session, dialect, steps.flat());
  const guarded = dialect.mayHaveGuards && (await addGuards(session)) ? 1 : 0;
  const insert =
    "INSERT INTO aegis_head(id, format, origin, guarded, size, frontier) " +
    "VALUES (1, $1, $2, $3, $4, $5)";
  const values = [steps.length, origin, guarded, head.size, frontierValue(head)];
  await session.query(insert, values);
}

async function change(
  session: Session,
  { first, spell }: Dialect,
  statements: readonly string[],
): Promise<void> {
  for (const statement of [...first, ...statements.map(spell)]) await session.query(statement);
}

/** @returns whether the server has what the guards are made of */
async function addGuards(session: Session): Promise<boolean> {
  await session.query("SAVEPOINT guards");
  try {
    for (const statement of guards) await session.query(statement);
    await session.query("RELEASE SAVEPOINT guards");
    return true;
  } catch (error) {
    if (isAlreadyMade(error)) throw error;
    await session.query("ROLLBACK TO SAVEPOINT guards");
    return false;
  }
}

/** Columns, keys and guards that are not as they were made, one sentence each. */
export async function schemaProblems(session: Session): Promise<readonly string[]> {
  const [columns, keys, guarded, enabled, displaced] = await Promise.all([
    columnsOf(session),
    keysOf(session),
    guardedMark(session),
    triggersOf(session),
    displacedSessions(session),
  ]);
  const problems = displaced.map((id) => `session "${id}" is listed out of its order`);
  for (const [table, made] of Object.entries(tables)) {
    for (const [column, [type, nullable]] of Object.entries(made.columns)) {
      const wantedKind = `${type} ${nullable === undefined ? "NO" : "YES"}`;
      const found = columns.get(`${table}.${column}`);
      if (found === undefined) problems.push(`"${table}.${column}" is missing from the database`);
      else if (found !== wantedKind) problems.push(`"${table}.${column}" is not as it was made`);
    }
    for (const key of Object.keys(made.keys)) {
      if (!keys.has(key)) problems.push(`"${key}" is missing from the database`);
    }
  }
  const gone = Object.keys(triggers).filter((name) => !enabled.has(name));
  // Where the server has no such thing, it has none of them.
  if (guarded === 0 && gone.length === Object.keys(triggers).length) return problems;
  if (guarded !== 1) problems.push("the head does not say that the ledger is guarded, but it is");
  return [...problems, ...gone.map((name) => `"${name}" is missing from the database or off`)];
}

async function columnsOf(session: Session): Promise<ReadonlyMap<string, string>> {
  const { rows } = await session.query(
    "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns " +
      "WHERE table_schema = current_schema()",
  );
  return new Map(
    rows.map((row) => [
      `${textOf(row.table_name)}.${textOf(row.column_name)}`,
      `${textOf(row.data_type)} ${textOf(row.is_nullable)}`,
    ]),
  );
}

async function keysOf(session: Session): Promise<ReadonlySet<string>> {
  const { rows } = await session.query(
    "SELECT constraint_name FROM information_schema.table_constraints " +
      "WHERE table_schema = current_schema()",
  );
  return new Set(rows.map((row) => textOf(row.constraint_name)));
}

async function guardedMark(session: Session): Promise<unknown> {
  const { rows } = await session.query("SELECT guarded FROM aegis_head WHERE id = 1");
  return rows[0]?.guarded;
}

async function triggersOf(session: Session): Promise<ReadonlySet<string>> {
  const { rows } = await session.query(
    "SELECT t.tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid " +
      "JOIN pg_namespace n ON n.oid = c.relnamespace " +
      "WHERE n.nspname = current_schema() AND t.tgenabled IN ('O', 'A')",
  );
  return new Set(rows.map((row) => textOf(row.name)));
}

async function displacedSessions(session: Session): Promise<readonly string[]> {
  const { rows } = await session.query(
    "SELECT s.id FROM aegis_session s JOIN aegis_event e ON e.session = s.id AND e.seq = 0 " +
      "WHERE e.idx <> s.first_idx UNION ALL " +
      "SELECT s.id FROM aegis_session s JOIN " +
      "(SELECT session, min(idx) AS idx FROM aegis_purged GROUP BY session) p " +
      "ON p.session = s.id WHERE p.idx <> s.first_idx",
  );
  return rows.map((row) => textOf(row.id));
}
