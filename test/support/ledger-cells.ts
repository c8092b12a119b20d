// Every cell of a ledger's database, to be changed one by one as somebody does who may write to it:
// past the guards, and put back as it was.

import { Database } from "bun:sqlite";
import type { PostgresPlace } from "../../src/ledger/postgres/place.ts";
import { postgresServer } from "./postgres.ts";

/** What a column holds; whole numbers are exact. */
export type CellValue = null | bigint | string | Uint8Array;

export interface LedgerTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Columns that name a row. */
  readonly key: readonly string[];
}

export type LedgerRow = Readonly<Record<string, CellValue>>;

export interface LedgerCells {
  tables(): Promise<readonly LedgerTable[]>;
  rows(table: LedgerTable): Promise<readonly LedgerRow[]>;
  /**
   * @param row as it is before
   * @returns false where the database would not take it
   */
  set(table: LedgerTable, row: LedgerRow, column: string, value: CellValue): Promise<boolean>;
  close(): Promise<void>;
}

export function sqliteCells(path: string): LedgerCells {
  const db = new Database(path, { safeIntegers: true, readwrite: true });
  // The guards are out of the way for as long as this is open; so is what costs time.
  for (const pragma of ["foreign_keys = OFF", "ignore_check_constraints = ON", "synchronous = OFF"])
    db.run(`PRAGMA ${pragma}`);
  const triggers = db
    .query<{ name: string; sql: string }, []>(
      "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    )
    .all();
  for (const { name } of triggers) db.run(`DROP TRIGGER ${name}`);
  return {
    async tables() {
      const names = db
        .query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'")
        .all();
      return names.map(({ name }) => {
        const sql = `SELECT name, pk FROM pragma_table_info('${name}')`;
        const columns = db.query<{ name: string; pk: bigint }, []>(sql).all();
        const key = columns.filter(({ pk }) => pk > 0n).map((column) => column.name);
        return { name, columns: columns.map((column) => column.name), key };
      });
    },
    rows: async ({ name }) => db.query<LedgerRow, []>(`SELECT * FROM ${name}`).all(),
    async set({ name, key }, row, column, value) {
      const isText = typeof row[column] === "string" || typeof value === "string";
      // Bytes that are no text are stored as one, as a flipped bit on the disk would be.
      const place = isText && value instanceof Uint8Array ? "CAST(? AS TEXT)" : "?";
      // No key is anything else than a number or a text.
      const is = (one: string) => (row[one] instanceof Uint8Array ? "CAST(? AS TEXT)" : "?");
      const where = key.map((one) => `${one} = ${is(one)}`).join(" AND ");
      const bound = [value, ...key.map((one) => row[one] ?? null)] as never;
      try {
        db.query(`UPDATE ${name} SET ${column} = ${place} WHERE ${where}`).run(...bound);
        return true;
      } catch (error) {
        if (String(error).includes("constraint failed")) return false;
        throw error;
      }
    },
    async close() {
      for (const { sql } of triggers) db.run(sql);
      db.close();
    },
  };
}

export async function postgresCells(place: PostgresPlace): Promise<LedgerCells> {
  const admin = (await postgresServer()).admin();
  const { searchPath } = place;
  await admin.unsafe("SET session_replication_role = replica");
  const named = (name: string) => `${searchPath}.${name}`;
  const types = new Map<string, string>();
  return {
    async tables() {
      const found = await admin.unsafe(
        "SELECT table_name, column_name, data_type FROM information_schema.columns " +
          `WHERE table_schema = '${searchPath}' ORDER BY table_name, ordinal_position`,
      );
      const keys = await admin.unsafe(
        "SELECT table_name, column_name FROM information_schema.key_column_usage " +
          `WHERE table_schema = '${searchPath}' AND constraint_name LIKE '%\\_pkey'`,
      );
      const rows = found as { table_name: string; column_name: string; data_type: string }[];
      for (const one of rows) types.set(`${one.table_name}.${one.column_name}`, one.data_type);
      return [...Map.groupBy(rows, (one) => one.table_name)].map(([name, columns]) => ({
        name,
        columns: columns.map((one) => one.column_name),
        key: (keys as typeof rows)
          .filter((one) => one.table_name === name)
          .map((one) => one.column_name),
      }));
    },
    async rows({ name, columns }) {
      const found = (await admin.unsafe(`SELECT * FROM ${named(name)}`)) as LedgerRow[];
      const exact = (column: string, value: CellValue | number): CellValue => {
        const isNumber = /int$/.test(types.get(`${name}.${column}`) ?? "");
        if (value === null || !isNumber) return value as CellValue;
        return BigInt(value as string);
      };
      return found.map((row) =>
        Object.fromEntries(columns.map((column) => [column, exact(column, row[column] ?? null)])),
      );
    },
    async set({ name, key }, row, column, value) {
      const type = types.get(`${name}.${column}`) ?? "";
      const given = type === "text" && value instanceof Uint8Array ? textOf(value) : value;
      if (given === undefined) return false;
      const plain = (one: CellValue) => (typeof one === "bigint" ? String(one) : one);
      const keyed = (one: CellValue) => (one instanceof Uint8Array ? textOf(one) : plain(one));
      const where = key.map((one, at) => `${one} = $${at + 2}`).join(" AND ");
      const bound = [plain(given), ...key.map((one) => keyed(row[one] ?? null))];
      try {
        const sql = `UPDATE ${named(name)} SET ${column} = $1 WHERE ${where}`;
        await admin.unsafe(sql, bound);
        return true;
      } catch (error) {
        if (error instanceof Bun.SQL.PostgresError) return false;
        throw error;
      }
    },
    async close() {
      await admin.unsafe("SET session_replication_role = origin");
    },
  };
}

/** Undefined for bytes that PostgreSQL would not take as a text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    // ignored: no text, which is the answer
    return undefined;
  }
}
