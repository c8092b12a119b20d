// What is PostgreSQL's own: many servers on one ledger however strictly the database isolates,
// making the tables at once, guards, changes by hand, TLS, and names that SQL texts cannot hold.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { AegisError } from "../../src/base/errors.ts";
import { parseJsonText } from "../../src/base/json-text.ts";
import type { PurgeWish } from "../../src/ledger/contract.ts";
import type { AppendRequest } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { createLedger } from "../../src/ledger/ledger.ts";
import { connect } from "../../src/ledger/postgres/connection.ts";
import type { PostgresPlace } from "../../src/ledger/postgres/place.ts";
import { prepareDatabase } from "../../src/ledger/postgres/prepare.ts";
import { formats, guards } from "../../src/ledger/postgres/schema.ts";
import { openPostgresStore } from "../../src/ledger/postgres/store.ts";
import { postgresLedger, recordSession, startMs } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { postgresPrograms, postgresServer, startPostgres } from "../support/postgres.ts";
import { certificate } from "../support/tls.ts";

setDefaultTimeout(testMs);

const isHere = postgresPrograms !== undefined;
const event: AppendRequest = {
  tenant: "acme",
  user: "u",
  session: "s",
  type: "TOOL_CALL_PROPOSED",
  payload: parseJsonText('{"tool_name":"t"}'),
  tsUnixMs: 1_700_000_000_000,
};

async function freshLedger(changes: Partial<PostgresPlace> = {}) {
  const server = await postgresServer();
  const place = await server.place(changes);
  const opened = await postgresLedger(place);
  /** As somebody who may do everything to the tables. */
  const edit = async (sql: string): Promise<void> => {
    await server.admin().begin(async (admin) => {
      await admin.unsafe(`SET LOCAL search_path TO ${place.searchPath}`);
      await admin.unsafe(sql);
    });
  };
  return { ...opened, log: createControlLog(opened.store), place, edit };
}

async function refusal(trying: Promise<unknown>): Promise<AegisError> {
  const error = await trying.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AegisError) return error;
  throw new Error(`no refusal: ${String(error)}`);
}

describe.skipIf(!isHere)("several servers on one ledger", () => {
  test.each(["read committed", "repeatable read", "serializable"])(
    "never fork a chain where the database isolates by %s",
    async (level) => {
      const server = await startPostgres([`default_transaction_isolation=${level}`]);
      const place = await server.place();
      const stores = await Promise.all([1, 2, 3, 4].map(() => postgresLedger(place)));
      const logs = stores.map(({ store }) => createControlLog(store));
      const sessions = ["a", "b", "c", "hot"];
      await Promise.all(
        logs.map(async (log) => {
          for (let i = 0; i < 10; i++) {
            const outcomes = await log.append(sessions.map((session) => ({ ...event, session })));
            expect(outcomes.map(({ kind }) => kind)).toEqual(sessions.map(() => "stored"));
          }
        }),
      );
      const [first] = stores;
      const report = await first?.ledger.verify();
      expect(report).toMatchObject({ valid: true, findings: [], eventCount: 160 });
      for (const session of sessions) {
        expect(await logs[0]?.verify("acme", session)).toMatchObject({ valid: true });
      }
    },
  );

  test("make its tables once, and agree on its name", async () => {
    const place = await (await postgresServer()).place();
    const opened = await Promise.all([1, 2, 3, 4, 5, 6].map(() => postgresLedger(place)));
    expect(new Set(opened.map(({ store }) => store.origin)).size).toBe(1);
    expect((await opened[0]?.ledger.verify())?.findings).toEqual([]);
  });

  test("see what the others stored, and put one record in each other's place only as expected", async () => {
    const { log, place } = await freshLedger();
    const { store } = await postgresLedger(place);
    const other = createControlLog(store);
    await log.append([event]);
    expect(await other.after(-1, 10)).toHaveLength(1);
    expect((await other.append([{ ...event, seq: 0 }]))[0]).toMatchObject({ kind: "repeated" });
    const record = { kind: "k", key: "acme/1", json: "1" };
    const put = await Promise.all([log, other].map((one) => one.putRecord(record, undefined)));
    expect(put.filter(Boolean)).toHaveLength(1);
    const changed = await Promise.all(
      [log, other].map((one, at) => one.putRecord({ ...record, json: `2${at}` }, "1")),
    );
    expect(changed.filter(Boolean)).toHaveLength(1);
  });
});

test.skipIf(!isHere)("keeps names with characters that texts of SQL cannot hold", async () => {
  const { log, ledger } = await freshLedger();
  const names = ["\0", "\\0", "\\", "a\0b\\", "%_", "'\"", "ü\u{1f600}", "{}", "NULL", ""];
  for (const name of names) {
    const odd = { tenant: `t${name}`, session: `s${name}`, user: name, type: `T${name}` };
    const keyed = { ...event, ...odd, idempotencyKey: `k${name}` };
    expect(await log.append([keyed])).toMatchObject([{ kind: "stored", seq: 0 }]);
    expect(await log.append([keyed])).toMatchObject([{ kind: "repeated", seq: 0 }]);
    const found = await log.events({ tenant: odd.tenant, type: odd.type, limit: 10 });
    expect(found).toMatchObject([{ tenant: odd.tenant, user: name, type: odd.type }]);
    expect((await log.sessions(odd.tenant, 10)).map(({ session }) => session)).toEqual([
      odd.session,
    ]);
    expect(await log.verify(odd.tenant, odd.session)).toMatchObject({ valid: true });
  }
  expect((await ledger.verify()).findings).toEqual([]);
});

describe.skipIf(!isHere)("changes by hand", () => {
  test.each([
    "UPDATE aegis_event SET ts_ms = ts_ms + 1",
    "DELETE FROM aegis_event",
    "TRUNCATE aegis_event",
    "DELETE FROM aegis_session",
    "UPDATE aegis_session SET name = 'other'",
    "UPDATE aegis_head SET origin = 'other'",
    "UPDATE aegis_head SET size = 0",
    "DELETE FROM aegis_policy",
    "UPDATE aegis_policy_load SET idx = 7",
    "DELETE FROM aegis_checkpoint",
  ])("are stopped by the guards: %s", async (sql) => {
    const { ledger, edit } = await freshLedger();
    await recordSession(ledger, 3);
    await expect(edit(sql)).rejects.toThrow("the ledger only grows");
    expect((await ledger.verify()).findings).toEqual([]);
  });

  const off = "SET LOCAL session_replication_role = replica; ";
  test.each([
    ["an event's time", "UPDATE aegis_event SET ts_ms = ts_ms + 1 WHERE idx = 2", "modified"],
    ["its type", "UPDATE aegis_event SET type = 'X' WHERE idx = 2", "modified"],
    ["its number", "UPDATE aegis_event SET seq = 99 WHERE idx = 2", "modified"],
    ["its session", "UPDATE aegis_event SET session = 'x' WHERE idx = 2", "modified"],
    ["its decision", "UPDATE aegis_event SET decision = 0 WHERE idx = 4", "modified"],
    ["its body", "UPDATE aegis_event SET body = set_byte(body, 9, 0) WHERE idx = 2", "modified"],
    ["its hash", "UPDATE aegis_event SET leaf = set_byte(leaf, 9, 0) WHERE idx = 2", "modified"],
    ["an event that is gone", "DELETE FROM aegis_event WHERE idx = 2", "chain-broken"],
    ["the last event", "DELETE FROM aegis_event WHERE idx = 6", "truncated"],
    ["a session's name", "UPDATE aegis_session SET name = 'x'", "derived-mismatch"],
    ["its order", "UPDATE aegis_session SET first_idx = 7", "schema-changed"],
    ["its end", "UPDATE aegis_session SET closed_ms = 7", "derived-mismatch"],
    ["a session that is gone", "DELETE FROM aegis_session", "derived-mismatch"],
    ["a policy's text", "UPDATE aegis_policy SET sources = '[]'", "derived-mismatch"],
    ["where it was loaded", "UPDATE aegis_policy_load SET ts_ms = 7", "derived-mismatch"],
    ["a signed checkpoint", "UPDATE aegis_checkpoint SET note = 'x'", "checkpoint-invalid"],
    ["the head", "UPDATE aegis_head SET size = 3", "derived-mismatch"],
    ["a guard that is off", "ALTER TABLE aegis_event DISABLE TRIGGER ALL", "schema-changed"],
    [
      "a key that is gone",
      "ALTER TABLE aegis_event DROP CONSTRAINT aegis_event_chain",
      "schema-changed",
    ],
    [
      "a column of another kind",
      "ALTER TABLE aegis_record ALTER json DROP NOT NULL",
      "schema-changed",
    ],
  ])("are found: %s", async (_, sql, kind) => {
    const { ledger, edit } = await freshLedger();
    await recordSession(ledger, 3);
    expect((await ledger.verify()).findings).toEqual([]);
    await edit(off + sql);
    const { findings } = await ledger.verify();
    expect(findings.map((one) => one.kind)).toContain(kind as (typeof findings)[number]["kind"]);
  });
});

test.skipIf(!isHere)("is brought to a newer format once, by whoever starts first", async () => {
  const { ledger, log, place } = await freshLedger();
  await recordSession(ledger, 3);
  await log.append([event]);
  const newer = [...formats, ["CREATE TABLE aegis_more (id bigint PRIMARY KEY)"]];
  const servers = [1, 2, 3, 4].map(() => connect(place));
  const origins = servers.map((server) => prepareDatabase(server, "make", newer));
  expect(new Set(await Promise.all(origins)).size).toBe(1);
  const [server] = servers;
  const read = async (sql: string) =>
    [...((await server?.read((session) => session.query(sql)))?.rows ?? [])].map((row) => ({
      ...row,
    }));
  expect(await read("SELECT format FROM aegis_head")).toEqual([{ format: newer.length }]);
  expect(await read("SELECT * FROM aegis_more")).toEqual([]);
  expect((await ledger.verify()).findings).toEqual([]);
  expect((await refusal(openPostgresStore(place))).message).toContain(
    `format ${newer.length} is newer than ${formats.length}`,
  );

  const broken = [...newer, ["CREATE TABLE aegis_most (id bigint)", "SELECT no_such_column"]];
  const failing = server === undefined ? undefined : prepareDatabase(server, "make", broken);
  await expect(failing).rejects.toThrow("no_such_column");
  expect(await read("SELECT format FROM aegis_head")).toEqual([{ format: newer.length }]);
  await expect(read("SELECT * FROM aegis_most")).rejects.toThrow("does not exist");
  await Promise.all(servers.map((one) => one.close()));
});

test.skipIf(!isHere).each(["0A000", "XX000"])(
  "goes without guards where the server refuses triggers with %s",
  async (code) => {
    const server = await startPostgres();
    // What stands for a server without them. XX000 is Citus' code where a schema is distributed.
    await server.admin().unsafe(`
      CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'triggers are not supported' USING ERRCODE = '${code}'; END $$;
      CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER')
        EXECUTE FUNCTION refuse();
    `);
    const place = await server.place();
    const { ledger } = await postgresLedger(place);
    await recordSession(ledger, 3);
    expect((await ledger.verify()).findings).toEqual([]);
    const heads = await server.admin().unsafe(`SELECT guarded FROM ${place.searchPath}.aegis_head`);
    expect([...heads]).toEqual([{ guarded: 0 }]);
  },
);

test.skipIf(!isHere)("works for a user who may not change or remove an event", async () => {
  const { place, edit } = await freshLedger();
  const kept = [
    ...["aegis_event", "aegis_purged", "aegis_node", "aegis_policy", "aegis_policy_load"],
    "aegis_checkpoint",
  ];
  await edit(`
    CREATE ROLE aegis_server LOGIN PASSWORD 'p';
    GRANT USAGE ON SCHEMA ${place.searchPath} TO aegis_server;
    GRANT SELECT, INSERT ON ${kept} TO aegis_server;
    GRANT SELECT, INSERT, UPDATE ON aegis_head, aegis_session, aegis_record TO aegis_server;
    GRANT DELETE ON aegis_record TO aegis_server;
  `);
  const limited = { ...place, user: "aegis_server", password: "p" };
  const opened = await postgresLedger(limited);
  const log = createControlLog(opened.store);
  const keyed = { ...event, idempotencyKey: "k" };
  expect(await log.append([keyed, event])).toMatchObject([{ kind: "stored" }, { kind: "stored" }]);
  await recordSession(opened.ledger, 3);
  const record = { kind: "approval", key: "acme/1", json: "{}" };
  expect(await log.putRecord(record, undefined)).toBe(true);
  expect(await log.removeRecord(record)).toBe(true);
  expect((await opened.ledger.verify()).findings).toEqual([]);
  for (const sql of ["UPDATE aegis_event SET seq = 9", "DELETE FROM aegis_event"]) {
    await expect(edit(`SET LOCAL ROLE aegis_server; ${sql}`)).rejects.toThrow("permission denied");
  }
});

describe.skipIf(!isHere)("purging", () => {
  const before = { beforeUnixMs: startMs + 10, tsUnixMs: startMs + 20 };
  const wish: PurgeWish = { ...before, by: "me", command: [], directory: "/" };

  test("a ledger of the second format, which gets what it lacks and no guard that was gone", async () => {
    const { ledger, place, edit } = await freshLedger();
    await recordSession(ledger, 3);
    const refuse = "BEGIN RAISE EXCEPTION 'the ledger only grows'; RETURN NULL; END";
    await edit(`
      DROP TABLE aegis_purged;
      CREATE OR REPLACE FUNCTION aegis_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ ${refuse} $$;
      CREATE OR REPLACE FUNCTION aegis_session_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.next_seq <= OLD.next_seq THEN RAISE EXCEPTION 'the ledger only grows'; END IF;
        RETURN NEW; END $$;
      DROP TRIGGER aegis_node_keep ON aegis_node;
      UPDATE aegis_head SET format = 2;
    `);
    const store = await openPostgresStore(place);
    const message = '"aegis_node_keep" is missing from the database or off';
    expect((await ledger.verify()).findings).toMatchObject([{ kind: "schema-changed", message }]);
    await edit(guards.find((sql) => sql.includes("TRIGGER aegis_node_keep")) ?? "");
    expect(await ledger.purge(wish)).toMatchObject({ sessionCount: 1 });
    expect(await ledger.verify()).toMatchObject({ purged: 7, findings: [] });
    const refused = [
      "DELETE FROM aegis_event",
      "DELETE FROM aegis_purged",
      "TRUNCATE aegis_purged",
      "UPDATE aegis_session SET last_hash = '' WHERE next_seq = 3",
    ];
    for (const sql of refused) await expect(edit(sql)).rejects.toThrow("the ledger only grows");
    await store.close();
  });

  test("sessions of many events piece by piece, by one server while others write and purge", async () => {
    const { ledger, log, place, store, keys, memory } = await freshLedger();
    await recordSession(ledger, 5200);
    for (let i = 0; i < 3; i++) await recordSession(ledger, 3);
    const { store: second } = await postgresLedger(place);
    const other = createLedger({ store: second, keys, memory });
    const purges = [ledger, other].map((one) => one.purge(wish).catch((error) => error.code));
    const writing = Array.from({ length: 40 }, () => log.append([event]));
    const done = await Promise.all(purges);
    const stored = (await Promise.all(writing)).flat();
    expect(stored.every(({ kind }) => kind === "stored")).toBe(true);
    const whole = done.filter(({ sessionCount }) => sessionCount === 4);
    expect(whole).toHaveLength(1);
    const rest = done.find((one) => one !== whole[0]);
    expect(["ledger/conflict", 0]).toContain(rest.sessionCount ?? rest);
    const report = await other.verify();
    expect(report).toMatchObject({ findings: [], purged: 5204 + 3 * 6 });
    expect((await store.head()).size).toBe(report.eventCount);
  });
});

describe.skipIf(!isHere)("a database is refused", () => {
  test("whose ledger is of a newer format", async () => {
    const { place, edit } = await freshLedger();
    await edit(`UPDATE aegis_head SET format = ${formats.length + 1}`);
    const error = await refusal(openPostgresStore(place));
    expect(error.message).toContain(`its format ${formats.length + 1} is newer`);
  });

  test("that would lose what it said was stored", async () => {
    for (const [setting, value] of [
      ["synchronous_commit", "off"],
      ["data_sync_retry", "on"],
    ]) {
      const server = await startPostgres([`${setting}=${value}`]);
      const error = await refusal(openPostgresStore(await server.place()));
      expect(error.message).toContain(`has "${setting}" at "${value}"`);
    }
  });

  test("that is not there, without repeating the password", async () => {
    const server = await postgresServer();
    const missing = await refusal(openPostgresStore(await server.place({ database: "none" })));
    expect(missing.message).toContain('database "none" does not exist');
    const secret = "another secret";
    const wrong = await refusal(openPostgresStore(await server.place({ password: secret })));
    expect(wrong.message).toContain("password authentication failed");
    expect(wrong.hint).toBe("check the user and the password");
    for (const error of [missing, wrong]) {
      expect(Bun.inspect(error)).not.toContain(secret);
      expect(Bun.inspect(error)).not.toContain(server.password);
    }
  });
});

test.skipIf(!isHere)(
  "speaks TLS with the server its certificate is for, and with no other",
  async () => {
    const own = certificate("localhost");
    const plain = await postgresServer();
    const server = await startPostgres(["ssl=on"], {
      "server.crt": own.cert,
      "server.key": own.key,
    });
    const over = async (host: string, tls: PostgresPlace["tls"], at = server) =>
      openPostgresStore(await at.place({ host, tls }));
    const trusted = { trusts: "certificate", ca: own.cert } as const;
    const store = await over("localhost", trusted);
    const sql = "SELECT count(*)::int AS n FROM pg_stat_ssl WHERE ssl AND pid <> pg_backend_pid()";
    expect((await server.admin().unsafe(sql))[0].n).toBeGreaterThan(0);
    await store.close();
    await (await over("127.0.0.1", { trusts: "nobody", ca: undefined })).close();
    const foreign = { trusts: "certificate", ca: certificate("localhost").cert } as const;
    expect((await refusal(over("localhost", foreign))).message).toContain("certificate");
    expect((await refusal(over("127.0.0.1", trusted))).message).toContain("altnames");
    const unknown = { trusts: "certificate", ca: undefined } as const;
    expect((await refusal(over("localhost", unknown))).message).toContain("self signed");
    expect((await refusal(over("localhost", trusted, plain))).message).toContain("not support SSL");
  },
);
