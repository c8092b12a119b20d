// Two processes that decide about one session at the same time.

import { expect, setDefaultTimeout, test } from "bun:test";
import { cleanEnvironment } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { postgresPrograms, postgresServer } from "../../support/postgres.ts";
import { serveAs } from "../../support/served.ts";
import { freshDsn, servePostgres } from "../../support/served-postgres.ts";
import { tempDir } from "../../support/temp.ts";

setDefaultTimeout(testMs);

async function post(url: string, path: string, body: object): Promise<{ reason?: string }> {
  const response = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
  expect(response.ok).toBeTrue();
  return (await response.json()) as { reason?: string };
}

async function allowedOfTwenty(urls: readonly string[]): Promise<readonly unknown[]> {
  for (let at = 0; at < 21; at++) {
    const place = { tenant_id: "acme", session_id: "s", event_type: "CHECKPOINT" };
    await post(urls[0] ?? "", "/v1/events", { ...place, payload: { at } });
  }
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      post(urls[at % urls.length] ?? "", "/v1/policy/decide", {
        event: {
          event_type: "TOOL_CALL_PROPOSED",
          payload: { tool_name: "read", call_id: `c${at}`, args: { at } },
        },
        manifest: { permissions: { tools: ["read"] } },
        session: { tenant_id: "acme", session_id: "s" },
      }),
    ),
  );
  return answers.map(({ reason }) => reason).filter((reason) => reason === "OK");
}

test("on one SQLite file they allow what one would", async () => {
  const ledger = `${tempDir("shared")}/ledger.db`;
  const env = cleanEnvironment();
  const servers = [await serveAs(env, ledger), await serveAs(env, ledger)];
  try {
    expect(await allowedOfTwenty(servers.map(({ url }) => url))).toHaveLength(3);
  } finally {
    for (const { stop } of servers) await stop();
  }
});

test.skipIf(postgresPrograms === undefined)("on one PostgreSQL as well", async () => {
  const server = await postgresServer();
  // With one key, as servers of one ledger have to have.
  const env = { PGPASSWORD: server.password, AEGIS_HOME: tempDir("servers-home") };
  const dsn = await freshDsn(server);
  const servers = [await servePostgres(dsn, env), await servePostgres(dsn, env)];
  expect(await allowedOfTwenty(servers.map(({ url }) => url))).toHaveLength(3);
});
