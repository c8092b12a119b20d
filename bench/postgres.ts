// Events that clients send one by one into a ledger in PostgreSQL, beside as many connections that
// insert the same bytes into a bare table. `bun bench/postgres.ts [ROUNDS]` prints the table.

import { parseJsonText } from "../src/base/json-text.ts";
import type { AppendRequest, ControlLog } from "../src/ledger/control/contract.ts";
import { createControlLog } from "../src/ledger/control/log.ts";
import { openPostgresStore } from "../src/ledger/postgres/store.ts";
import { endAll } from "../test/support/endings.ts";
import { type PostgresServer, postgresPrograms, startPostgres } from "../test/support/postgres.ts";
import { removeTempDirs } from "../test/support/temp.ts";
import { render, type Section, summarise } from "./report.ts";
import type { Samples } from "./stopwatch.ts";

const clients = 32;
const eventsPerClient = 40;
const batchSize = 100;
const batches = 20;

if (import.meta.main) {
  for (const section of await measurePostgres(Number(process.argv[2] ?? 9))) {
    console.log(`${render(section)}\n`);
  }
  await endAll();
  removeTempDirs();
}

/** Empty where PostgreSQL is not installed. */
export async function measurePostgres(rounds: number): Promise<Section[]> {
  if (postgresPrograms === undefined) return [];
  const server = await startPostgres();
  const store = await openPostgresStore(await server.place());
  const log = createControlLog(store);
  const bare = await openBare(server);
  const names = [`bare ${clients} clients`, `ledger ${clients} clients`, `ledger ${batchSize}`];
  const samples: Samples[] = names.map((name) => ({ name, byRound: [] as number[], cpu: [] }));
  for (let round = 0; round <= rounds; round++) {
    const measured = [
      await timed(clients * eventsPerClient, bare.insert),
      await timed(clients * eventsPerClient, () => appendSingly(log, round)),
      await timed(batches * batchSize, () => appendBatches(log, round)),
    ];
    // The first round warms up and does not count.
    if (round > 0) for (const [at, row] of samples.entries()) add(row, measured[at] ?? Number.NaN);
  }
  await Promise.all([store.close(), bare.close()]);
  const goals = [{ row: names[1] ?? "", of: names[0], max: 2 }];
  const heading = { title: "Ingest into PostgreSQL, an event", unit: "µs", base: names[0] ?? "" };
  const notes = [
    `bare: ${clients} connections, each row its own transaction, no chain, no tree`,
    `ledger ${batchSize}: one client, that many events at once`,
  ];
  return [summarise({ ...heading, unit: "µs" }, samples, goals, { notes })];
}

function add(row: Samples, nanoseconds: number): void {
  (row.byRound as number[]).push(nanoseconds);
}

/** Nanoseconds for each of `count` events. */
async function timed(count: number, work: () => Promise<void>): Promise<number> {
  const start = Bun.nanoseconds();
  await work();
  return (Bun.nanoseconds() - start) / count;
}

function event(session: string): AppendRequest {
  const payload = parseJsonText(JSON.stringify({ call_id: "c1", result: "x".repeat(300) }));
  const named = { tenant: "acme", user: "agent", session, type: "TOOL_RESULT" };
  return { ...named, payload, tsUnixMs: 1_767_225_600_000 };
}

async function appendSingly(log: ControlLog, round: number): Promise<void> {
  await eachClient(async (client) => {
    const own = event(`r${round}-${client}`);
    for (let i = 0; i < eventsPerClient; i++) await log.append([own]);
  });
}

async function appendBatches(log: ControlLog, round: number): Promise<void> {
  const batch = Array.from({ length: batchSize }, () => event(`b${round}`));
  for (let i = 0; i < batches; i++) await log.append(batch);
}

async function openBare(server: PostgresServer) {
  const { host, port, user, password, database, searchPath } = await server.place();
  const sql = new Bun.SQL({
    ...{ adapter: "postgres", path: `${host}/.s.PGSQL.${port}`, port, username: user, password },
    ...{ database, tls: false, max: clients, connection: { search_path: searchPath ?? "" } },
  });
  await sql.unsafe(
    "CREATE TABLE bare(id bigserial PRIMARY KEY, session text, leaf bytea, body bytea)",
  );
  const insert = "INSERT INTO bare(session, leaf, body) VALUES ($1, $2, $3)";
  const [leaf, body] = [new Uint8Array(32), new Uint8Array(480)];
  return {
    insert: () =>
      eachClient(async (client) => {
        const session = `s${client}`;
        for (let i = 0; i < eventsPerClient; i++) await sql.unsafe(insert, [session, leaf, body]);
      }),
    close: () => sql.close(),
  };
}

async function eachClient(work: (client: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: clients }, (_, client) => work(client)));
}
