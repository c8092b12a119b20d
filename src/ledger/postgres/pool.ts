// Pools of connections to PostgreSQL: they come back by themselves, and what is not answered in
// time is an error, never a wait without end.

import { LateError } from "./error.ts";
import type { PostgresPlace } from "./place.ts";

export type SqlValue = string | number | null | Uint8Array;
export type SqlRow = Readonly<Record<string, unknown>>;

export interface SqlResult {
  readonly rows: readonly SqlRow[];
  /** Rows returned or changed. */
  readonly count: number;
}

/** Whatever runs statements. Those that are not awaited one by one travel together. */
export interface Session {
  query(text: string, values?: readonly SqlValue[]): Promise<SqlResult>;
}

const connectSeconds = 5;
/** The server gives up first, so that it says why. */
const lockWaitMs = 5000;
const statementMaxMs = 30_000;
/** A server that died without a word holds the head for no longer than this. */
const idleInTransactionMaxMs = 10_000;

export interface Reserved {
  readonly session: Session;
  release(): void;
  /** Ends the connection, and with it whatever it is doing. */
  drop(): void;
}

export interface Pool {
  current(): Bun.SQL;
  /** Others may have done so already: only where `old` is still in use. */
  renew(old: Bun.SQL): void;
  reserve(): Promise<Reserved>;
  close(): Promise<void>;
}

export function createPool(place: PostgresPlace, size: number): Pool {
  let sql = new Bun.SQL(optionsOf(place, size));
  return {
    current: () => sql,
    renew(old) {
      if (sql !== old) return;
      sql = new Bun.SQL(optionsOf(place, size));
      abandon(old.close({ timeout: 0 }));
    },
    async reserve() {
      const reserved = await sql.reserve();
      return {
        session: sessionOver(reserved),
        release: () => reserved.release(),
        drop: () => abandon(reserved.close({ timeout: 0 })),
      };
    },
    close: () => sql.close(),
  };
}

/** Everything is said, because Bun takes from the environment what is not. */
function optionsOf(place: PostgresPlace, size: number): Bun.SQL.Options {
  const { host, port, database, user, password, tls, searchPath, applicationName } = place;
  return {
    adapter: "postgres",
    ...(host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { hostname: host }),
    port,
    database,
    username: user,
    password: password ?? "",
    tls:
      tls === undefined
        ? false
        : {
            rejectUnauthorized: tls.trusts === "certificate",
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          },
    max: size,
    idleTimeout: 0,
    maxLifetime: 0,
    connectionTimeout: connectSeconds,
    connection: {
      application_name: applicationName,
      lock_timeout: String(lockWaitMs),
      statement_timeout: String(statementMaxMs),
      idle_in_transaction_session_timeout: String(idleInTransactionMaxMs),
      ...(searchPath === undefined ? {} : { search_path: searchPath }),
    },
  };
}

export function sessionOver(sql: Bun.SQL | Bun.ReservedSQL): Session {
  return {
    async query(text, values) {
      const found: unknown = await sql.unsafe(text, values === undefined ? [] : [...values]);
      const rows = Array.isArray(found) ? found : [];
      const { count }: { count?: unknown } = rows as { count?: unknown };
      return { rows, count: typeof count === "number" ? count : rows.length };
    },
  };
}

export async function inTime<T>(
  silenceMs: number,
  work: Promise<T>,
  onLate: () => void,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new LateError());
    onLate();
  }, silenceMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function abandon(closing: Promise<void>): void {
  closing.catch(() => undefined);
}
