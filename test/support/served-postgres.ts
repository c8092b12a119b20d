// `aegis serve` on a ledger in PostgreSQL: several at once, each with a home of its own, as on
// machines of their own.

import { afterThisTest } from "./endings.ts";
import { aegisBinary, cleanEnvironment } from "./harness.ts";
import type { PostgresServer } from "./postgres.ts";

export interface ServedPostgres {
  readonly url: string;
  /** Everything on standard error so far. */
  said(): string;
  kill(signal: "SIGKILL" | "SIGTERM"): Promise<number>;
}

/** The DSN of a fresh ledger, without a password. */
export async function freshDsn(server: PostgresServer): Promise<string> {
  const { user, database, searchPath } = await server.place();
  return `postgres://${user}@127.0.0.1:${server.port}/${database}?search_path=${searchPath}`;
}

/** @param env beside a clean environment; where the password comes from */
export async function servePostgres(
  dsn: string,
  env: Readonly<Record<string, string>>,
): Promise<ServedPostgres> {
  const child = Bun.spawn([aegisBinary(), "serve", "--addr", ":0", "--dsn", dsn], {
    env: cleanEnvironment(env),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const end = async (signal: "SIGKILL" | "SIGTERM"): Promise<number> => {
    child.kill(signal);
    return child.exited;
  };
  afterThisTest(async () => {
    await end("SIGKILL");
  });
  let said = "";
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>();
  const collect = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const piece of child.stderr) {
      said += decoder.decode(piece, { stream: true });
      const url = /http:\/\/[^\s]+/.exec(said)?.[0];
      if (url !== undefined) resolve(url);
    }
    reject(new Error(`it did not start: ${said}`));
  };
  void collect();
  return { url: await listening, said: () => said, kill: end };
}
