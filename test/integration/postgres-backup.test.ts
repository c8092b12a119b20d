// `aegis backup` and `aegis restore` on PostgreSQL as people run them: while servers write, killed
// in the middle, and with a password that is nowhere to be read.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { makeBackup } from "../../src/ledger/backup/backup.ts";
import { inPostgres } from "../../src/ledger/backup/in-postgres.ts";
import { inSqlite } from "../../src/ledger/backup/in-sqlite.ts";
import { restoreBackup } from "../../src/ledger/backup/restore.ts";
import { openLedger } from "../../src/ledger/open.ts";
import { aegisBinary, cleanEnvironment, spawnAegis, waitFor } from "../support/harness.ts";
import { recordSession, startMs } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { type PostgresServer, postgresPrograms, postgresServer } from "../support/postgres.ts";
import { freshDsn, servePostgres } from "../support/served-postgres.ts";
import { tempDir } from "../support/temp.ts";

setDefaultTimeout(testMs);

const isHere = postgresPrograms !== undefined;

function schemaOf(dsn: string): string {
  return new URL(dsn).searchParams.get("search_path") ?? "";
}

async function tablesOf(server: PostgresServer, dsn: string): Promise<number> {
  const sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = ";
  return (await server.admin().unsafe(`${sql}'${schemaOf(dsn)}'`)).length;
}

/** A backup of so many events, and the machine they were signed on. */
async function backupOf(events: number) {
  const home = tempDir("signed");
  const place = { database: join(home, "ledger.db"), keys: join(home, "keys") };
  const ledger = await openLedger(place);
  await recordSession(ledger, events);
  await ledger.close();
  const file = join(home, "one.backup");
  await makeBackup(inSqlite(place), { target: file, withKey: true, nowUnixMs: startMs });
  return { home, file };
}

describe.skipIf(!isHere)("aegis backup and restore with PostgreSQL", () => {
  test("copy a ledger that is written to, and bring it to another database", async () => {
    const server = await postgresServer();
    const dsn = await freshDsn(server);
    const home = tempDir("home");
    const env = { PGPASSWORD: server.password, AEGIS_HOME: home };
    const served = await servePostgres(dsn, env);
    const post = async (seq: number): Promise<number> => {
      const event = { tenant_id: "acme", user_id: "u", session_id: "s", seq };
      const rest = { ts_unix_ms: startMs + seq, event_type: "TOOL_RESULT", payload: { seq } };
      const body = JSON.stringify({ ...event, ...rest });
      return (await fetch(`${served.url}/v1/events`, { method: "POST", body })).status;
    };
    for (let seq = 0; seq < 50; seq++) expect(await post(seq)).toBe(201);
    await spawnAegis(["audit", "checkpoint", "--ledger", dsn], { env });
    const backup = spawnAegis(["backup", "--json", "--ledger", dsn, "--with-key", home], { env });
    let seq = 50;
    const isOver = backup.then(() => true);
    while (!(await Promise.race([isOver, post(seq).then(() => false)]))) seq += 1;
    const { stdout, stderr, exitCode } = await backup;
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const made = JSON.parse(stdout) as { file: string; events: number; ledger: string };
    expect(made.events).toBeGreaterThanOrEqual(50);
    expect(made.ledger).toBe(`postgres://aegis@127.0.0.1:${server.port}/postgres`);
    const other = await freshDsn(server);
    const there = { PGPASSWORD: server.password, AEGIS_HOME: tempDir("home") };
    const restored = await spawnAegis(["restore", "--to", other, made.file], { env: there });
    expect(restored.exitCode).toBe(0);
    const verify = ["audit", "verify", "--json", "--ledger", other];
    const verified = await spawnAegis(verify, { env: there });
    expect(JSON.parse(verified.stdout)).toMatchObject({ valid: true });
    const again = await spawnAegis(["restore", "--to", other, made.file], { env: there });
    expect(again.exitCode).not.toBe(0);
    expect(again.stderr).toContain("a ledger is there");
    for (const said of [made.file, restored.stdout, again.stderr]) {
      expect(said).not.toContain(server.password);
    }
  });

  test("leave nothing half-written when they are killed", async () => {
    const server = await postgresServer();
    const [dsn, other] = [await freshDsn(server), await freshDsn(server)];
    const { home, file } = await backupOf(20_000);
    const environment = cleanEnvironment({ PGPASSWORD: server.password, AEGIS_HOME: home });
    const killed = async (args: readonly string[], isMidway: () => Promise<boolean> | boolean) => {
      const child = Bun.spawn([aegisBinary(), ...args], {
        ...{ env: environment, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
      });
      await waitFor("it to be midway", isMidway);
      child.kill("SIGKILL");
      await child.exited;
      expect(child.signalCode).toBe("SIGKILL");
    };
    const asking = (what: string) =>
      `SELECT 1 FROM pg_stat_activity WHERE application_name = 'aegis' AND query LIKE '${what}%'`;
    const isWriting = async () =>
      (await server.admin().unsafe(asking("INSERT INTO aegis_event"))).length > 0;
    await killed(["restore", "--to", dsn, file], isWriting);
    await waitFor("its end", async () => !(await isWriting()));
    expect(await tablesOf(server, dsn)).toBe(0);

    const { user, database, searchPath, ...place } = await server.place();
    const at = { ...place, user, database, searchPath: schemaOf(dsn) ?? searchPath };
    const keys = join(home, "keys");
    const held = inPostgres(at, keys, join(home, "restore"));
    const usual = { checkpoint: undefined, acceptOlder: false, withoutKey: false, nowUnixMs: 0 };
    const wish = { backup: file, ...usual };
    expect(await restoreBackup(held, wish)).toMatchObject({ missing: 0 });

    const folder = tempDir("backups");
    const target = join(folder, "two.backup");
    const begun = () => readdirSync(folder).length > 0;
    await killed(["backup", "--ledger", dsn, target], begun);
    const [left = ""] = readdirSync(folder);
    expect(left).toStartWith("two.backup.");
    const env = { PGPASSWORD: server.password, AEGIS_HOME: home };
    const refused = await spawnAegis(["restore", "--to", other, join(folder, left)], { env });
    expect(refused.stderr).toContain("its end is missing, or it is no backup");
    expect(await tablesOf(server, other)).toBe(0);
    expect(await spawnAegis(["backup", "--ledger", dsn, target], { env })).toMatchObject({
      exitCode: 0,
    });
  });

  test("never say the password, and warn where it is typed", async () => {
    const server = await postgresServer();
    const dsn = await freshDsn(server);
    const secret = "s3cretword";
    const typed = dsn.replace("aegis@", `aegis:${secret}@`);
    const directory = tempDir("secret");
    const home = tempDir("home");
    const { file } = await backupOf(5);
    for (const args of [
      ["backup", "--ledger", typed, "x.backup"],
      ["restore", "--to", typed, file],
      ["restore", "--ledger", typed, file],
    ]) {
      const env = { AEGIS_HOME: home };
      const { stdout, stderr, exitCode } = await spawnAegis(args, { env, cwd: directory });
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain("password authentication failed");
      expect(stderr).toContain(`every user of this machine can read the password in ${args[1]}`);
      expect(stdout + stderr).not.toContain(secret);
    }
    expect(readdirSync(directory)).toEqual([]);
    const both = ["restore", "--to", dsn, "--ledger", dsn, file];
    expect((await spawnAegis(both)).stderr).toContain("--ledger is the same as --to");
  });
});
