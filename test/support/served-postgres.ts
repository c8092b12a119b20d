// `aegis serve` on a ledger in PostgreSQL: several at once, each with a home of its own, as on
// machines of their own.

import { afterThisTest } from "./endings.ts";
import { cleanEnvironment } from "./harness.ts";
import type { PostgresServer } from "./postgres.ts";
import { type ServedProcess, startServe } from "./served.ts";

/** The DSN of a fresh ledger, without a password. */
export async function freshDsn(server: PostgresServer): Promise<string> {
  const { user, database, searchPath } = await server.place();
  return `postgres://${user}@127.0.0.1:${server.port}/${database}?search_path=${searchPath}`;
}

/** @param env beside a clean environment; where the password comes from */
export async function servePostgres(
  dsn: string,
  env: Readonly<Record<string, string>>,
): Promise<ServedProcess> {
  const server = await startServe(cleanEnvironment(env), ["--dsn", dsn]);
  afterThisTest(async () => {
    await server.kill("SIGKILL");
  });
  return server;
}
