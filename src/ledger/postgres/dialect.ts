// What servers that speak PostgreSQL's language take differently when tables are made. Everything
// else is said in words that all of them know.

import { textOf } from "../rows.ts";
import type { Session } from "./pool.ts";
import { byteOrder } from "./schema.ts";

export interface Dialect {
  /** What begins a transaction that makes tables. */
  readonly first: readonly string[];
  /** A statement of schema.ts, as this server takes it. */
  spell(statement: string): string;
  /** Whether the guards may be tried. */
  readonly mayHaveGuards: boolean;
}

const postgres: Dialect = {
  first: [],
  spell: (statement) => statement,
  mayHaveGuards: true,
};

/**
 * Its texts are in the order of their bytes, and no column of it may say so. It commits before each
 * statement that changes the schema, unless told otherwise; and it has no triggers for TRUNCATE,
 * while what was made since a savepoint may be past taking back.
 */
const cockroach: Dialect = {
  first: [
    "SELECT set_config(name, 'off', true) FROM pg_settings WHERE name = 'autocommit_before_ddl'",
  ],
  spell: (statement) => statement.replaceAll(byteOrder, ""),
  mayHaveGuards: false,
};

export async function dialectOf(session: Session): Promise<Dialect> {
  const { rows } = await session.query("SELECT version() AS version");
  return textOf(rows[0]?.version).startsWith("CockroachDB ") ? cockroach : postgres;
}
