// Backups of a ledger in PostgreSQL: the same file as of one in SQLite, made of one moment, and
// restored to either store whole or not at all.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { AegisError } from "../../src/base/errors.ts";
import { parseJsonText } from "../../src/base/json-text.ts";
import { makeBackup } from "../../src/ledger/backup/backup.ts";
import { inPostgres } from "../../src/ledger/backup/in-postgres.ts";
import { inSqlite } from "../../src/ledger/backup/in-sqlite.ts";
import { type RestoreOptions, restoreBackup } from "../../src/ledger/backup/restore.ts";
import type { AppendRequest } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import { sealRecords } from "../../src/ledger/control/sealed-store.ts";
import { openLedger } from "../../src/ledger/open.ts";
import { openPostgresLedger, outsideOf } from "../../src/ledger/postgres/open.ts";
import { openPostgresStore } from "../../src/ledger/postgres/store.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import type { Store } from "../../src/ledger/store.ts";
import { createHeadFile } from "../../src/ledger/tree/head-memory.ts";
import { afterThisTest } from "../support/endings.ts";
import { waitFor } from "../support/harness.ts";
import { recordSession, startMs } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { postgresPrograms, postgresServer } from "../support/postgres.ts";
import { tempDir } from "../support/temp.ts";

setDefaultTimeout(testMs);

const isHere = postgresPrograms !== undefined;
const event: AppendRequest = {
  tenant: "acme",
  user: "u",
  session: "s",
  type: "TOOL_CALL_PROPOSED",
  payload: parseJsonText('{"tool_name":"t"}'),
  tsUnixMs: startMs,
};
const options = (backup: string, changes: Partial<RestoreOptions> = {}): RestoreOptions => ({
  ...{ backup, checkpoint: undefined, acceptOlder: false, withoutKey: false, nowUnixMs: startMs },
  ...changes,
});

/** A schema where nothing is, and a machine with keys of its own. */
async function freshPlace(keys = `${tempDir("machine")}/keys`) {
  const server = await postgresServer();
  const place = await server.place();
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  return { server, place, keys, held: inPostgres(place, keys, `${dirname(keys)}/restore`) };
}

/** A ledger of a box's session, and of clients with names that are hard to write down. */
async function recorded() {
  const fresh = await freshPlace();
  const store = await openPostgresStore(fresh.place);
  afterThisTest(() => store.close());
  const ledger = await openPostgresLedger(fresh.place, fresh.keys);
  afterThisTest(() => ledger.close());
  await recordSession(ledger, 300);
  const outside = outsideOf(fresh.place, fresh.keys, store.origin);
  const log = createControlLog(await sealRecords(store, outside));
  for (const name of ["\0", "\\0", "ü\u{1f600}", "'", ""]) {
    await log.append([{ ...event, session: `s${name}`, user: name, idempotencyKey: `k${name}` }]);
  }
  const edit = async (sql: string): Promise<void> => {
    await fresh.server.admin().begin(async (admin) => {
      await admin.unsafe(`SET LOCAL search_path TO ${fresh.place.searchPath}`);
      await admin.unsafe(sql);
    });
  };
  const file = `${dirname(fresh.keys)}/one.backup`;
  return { ...fresh, store, ledger, log, edit, file };
}

const made = (file: string) => ({ target: file, withKey: true, nowUnixMs: startMs });

/** Everything that a store can be asked for. */
async function contentsOf(store: Store) {
  const { origin } = store;
  const [head, events, sessions, checkpoints, loads] = await Promise.all([
    store.head(),
    store.eventsFrom(0, 1000),
    store.sessions({ last: 1000 }),
    store.checkpoints(1000),
    store.policyLoads(1000),
  ]);
  const records = await store.records("idempotency", "acme", 1000);
  // By key as each store writes it down, which for a few characters is another order.
  const inOrder = records.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return { origin, head, events, sessions, checkpoints, loads, records: inOrder };
}

async function refusal(trying: Promise<unknown>): Promise<AegisError> {
  const error = await trying.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AegisError) return error;
  throw new Error(`no refusal: ${String(error)}`);
}

describe.skipIf(!isHere)("a backup of a ledger in PostgreSQL", () => {
  test("holds all of it, restored to a file and from there to another database", async () => {
    const { held, store, file } = await recorded();
    const { facts, warnings } = await makeBackup(held, made(file));
    expect({ size: facts.size, warnings }).toEqual({ size: 309, warnings: [] });
    const wanted = await contentsOf(store);
    expect(wanted.records).toHaveLength(5);

    const home = tempDir("file");
    const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
    expect(await restoreBackup(inSqlite(place), options(file))).toMatchObject({ missing: 0 });
    const ledger = await openLedger(place);
    expect(await ledger.verify()).toMatchObject({ valid: true, warnings: [], eventCount: 309 });
    const copy = openSqliteStore(place.database);
    expect(await contentsOf(copy)).toEqual(wanted);
    await copy.close();

    const second = `${home}/two.backup`;
    await makeBackup(inSqlite(place), made(second));
    const other = await freshPlace();
    expect(await restoreBackup(other.held, options(second))).toMatchObject({ isKeyRestored: true });
    const again = await openPostgresStore(other.place);
    expect(await contentsOf(again)).toEqual(wanted);
    // What clients send again is known there, and the chains go on.
    const outside = outsideOf(other.place, other.keys, again.origin);
    const log = createControlLog(await sealRecords(again, outside));
    const known = { ...event, session: "s\0", user: "\0", idempotencyKey: "k\0" };
    expect(await log.append([known])).toMatchObject([{ kind: "repeated", seq: 0 }]);
    expect(await log.append([{ ...event, session: "s\0" }])).toMatchObject([{ seq: 1 }]);
    await again.close();
    const next = await openPostgresLedger(other.place, other.keys);
    await recordSession(next, 3);
    expect(await next.verify()).toMatchObject({ valid: true, warnings: [], eventCount: 316 });
    await Promise.all([ledger.close(), next.close()]);
  });

  test("has one moment of it while servers write on, and nobody waits for it", async () => {
    const { held, place, file, log, ledger } = await recorded();
    const stores = await Promise.all([1, 2].map(() => openPostgresStore(place)));
    let isOver = false;
    let stored = 0;
    const writers = stores.map(async (store, writer) => {
      const own = createControlLog(store);
      while (!isOver) {
        const session = `w${writer}-${stored % 7}`;
        const [outcome] = await own.append([{ ...event, session }]);
        if (outcome?.kind === "stored") stored += 1;
      }
    });
    const sizes: number[] = [];
    for (let i = 0; i < 3; i++) {
      const before = stored;
      await waitFor("more events", () => stored > before + 20);
      const { facts } = await makeBackup(held, made(`${file}.${i}`));
      sizes.push(facts.size);
      const home = tempDir("moment");
      const there = { database: `${home}/ledger.db`, keys: `${home}/keys` };
      await restoreBackup(inSqlite(there), options(`${file}.${i}`));
      const copy = await openLedger(there);
      expect(await copy.verify()).toMatchObject({ valid: true, eventCount: facts.size });
      await copy.close();
    }
    isOver = true;
    await Promise.all(writers);
    await Promise.all(stores.map((store) => store.close()));
    expect(new Set(sizes).size).toBe(3);
    expect(await ledger.verify()).toMatchObject({ valid: true, eventCount: 309 + stored });
    expect(await log.verify("acme", "w0-0")).toMatchObject({ valid: true });
  });

  const off = "SET LOCAL session_replication_role = replica; ";
  test.each([
    ["an event", "UPDATE aegis_event SET body = set_byte(body, 9, 0) WHERE idx = 2"],
    ["an event that is gone", "DELETE FROM aegis_event WHERE idx = 2"],
    ["a session that is gone", "DELETE FROM aegis_session"],
    ["a policy's text", "UPDATE aegis_policy SET sources = '[]'"],
    ["a checkpoint", "UPDATE aegis_checkpoint SET note = 'x'"],
    ["a guard that is off", "ALTER TABLE aegis_event DISABLE TRIGGER ALL"],
  ])("is not made where something was changed: %s", async (_, sql) => {
    const { held, file, edit } = await recorded();
    await edit(off + sql);
    expect(await refusal(makeBackup(held, made(file)))).toMatchObject({ code: "ledger/tampered" });
    expect(readdirSync(dirname(file))).toEqual(["keys"]);
  });

  test("is not made with another key than the one it is signed with, and none is made", async () => {
    const { place, file } = await recorded();
    const { keys } = await freshPlace();
    const held = inPostgres(place, keys, `${keys}/restore`);
    const error = await refusal(makeBackup(held, made(file)));
    expect(error.message).toContain(`the key it is signed with is not at "${keys}/ledger.key"`);
    expect(readdirSync(keys)).toEqual([]);
  });

  test("is not made of a database without a ledger, and none is made there", async () => {
    const { held, keys, place } = await freshPlace();
    const error = await refusal(makeBackup(held, made(`${dirname(keys)}/one.backup`)));
    expect(error.code).toBe("ledger/not-found");
    expect(readdirSync(dirname(keys))).toEqual(["keys"]);
    expect((await refusal(openPostgresLedger(place, keys))).code).toBe("ledger/not-found");
  });
});

describe.skipIf(!isHere)("restoring to PostgreSQL", () => {
  test.each([
    ["a ledger that nobody used", (place: Place) => openPostgresStore(place)],
    ["one table of a ledger", aTable],
  ])("is refused where there is %s", async (_, make) => {
    const { held, file } = await recorded();
    await makeBackup(held, made(file));
    const other = await freshPlace();
    await (await make(other.place)).close();
    const error = await refusal(restoreBackup(other.held, options(file)));
    expect(error).toMatchObject({ code: "config/exists" });
    expect(error.message).toContain("a ledger is there");
    expect(readdirSync(other.keys)).toEqual([]);
  });

  test("takes back everything when what was written is not what was read", async () => {
    const { held, file, server } = await recorded();
    await makeBackup(held, made(file));
    const other = await freshPlace();
    const schema = other.place.searchPath ?? "";
    const admin = server.admin();
    await admin.unsafe(spoiling(schema));
    afterThisTest(async () => {
      await admin.unsafe("DROP EVENT TRIGGER spoil");
    });
    const error = await refusal(restoreBackup(other.held, options(file)));
    expect(error.code).toBe("ledger/tampered");
    expect(error.message).toContain("event 7 is not what was sealed");
    const left = `SELECT 1 FROM information_schema.tables WHERE table_schema = '${schema}'`;
    expect(await admin.unsafe(left)).toHaveLength(0);
    expect(readdirSync(dirname(other.keys))).toEqual(["keys"]);
    expect(readdirSync(other.keys)).toEqual([]);
  });

  test("an older backup than what was published from here wants to be told", async () => {
    const { held, ledger, file, server, place } = await recorded();
    await makeBackup(held, made(file));
    await recordSession(ledger, 20);
    await server.admin().unsafe(`DROP SCHEMA ${place.searchPath} CASCADE`);
    await server.admin().unsafe(`CREATE SCHEMA ${place.searchPath}`);
    const error = await refusal(restoreBackup(held, options(file)));
    expect(error.message).toContain("it has 309 events, and the ledger had 332");
    const restored = await restoreBackup(held, options(file, { acceptOlder: true }));
    expect(restored).toMatchObject({ missing: 23, isKeyRestored: false });
    expect(existsSync(restored.olderMemory ?? "")).toBe(true);
    expect(createHeadFile(held.headsPath).all().heads).toMatchObject([{ size: 309 }]);
  });

  test("wants the key, and takes the one that is there", async () => {
    const { held, file, keys } = await recorded();
    await makeBackup(held, { ...made(file), withKey: false });
    const other = await freshPlace();
    const error = await refusal(restoreBackup(other.held, options(file)));
    expect(error.message).toContain("the signing key is neither here nor in it");
    copyFileSync(`${keys}/ledger.key`, `${other.keys}/ledger.key`);
    expect(await restoreBackup(other.held, options(file))).toMatchObject({ isKeyRestored: false });
    expect(readdirSync(dirname(other.keys))).toEqual(["keys"]);
  });
});

type Place = Awaited<ReturnType<typeof freshPlace>>["place"];

async function aTable(place: Place) {
  const admin = (await postgresServer()).admin();
  await admin.unsafe(`CREATE TABLE ${place.searchPath}.aegis_record (kind text)`);
  return { close: async () => undefined };
}

/** A database that stores one event otherwise than it is told. */
function spoiling(schema: string): string {
  return `
    CREATE FUNCTION ${schema}.other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.idx = 7 THEN NEW.body = set_byte(NEW.body, 9, 0); END IF; RETURN NEW;
    END $$;
    CREATE FUNCTION ${schema}.spoil() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
      IF EXISTS (SELECT 1 FROM pg_event_trigger_ddl_commands()
        WHERE object_identity = '${schema}.aegis_event') THEN
        CREATE TRIGGER other BEFORE INSERT ON ${schema}.aegis_event
          FOR EACH ROW EXECUTE FUNCTION ${schema}.other();
      END IF;
    END $$;
    CREATE EVENT TRIGGER spoil ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
      EXECUTE FUNCTION ${schema}.spoil();`;
}
