// Servers of one ledger have one signing key: a second state folder without it is refused at the
// start, in SQLite and in PostgreSQL, and let in as soon as the key is there.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { testMs } from "../../support/patience.ts";
import { postgresPrograms, postgresServer } from "../../support/postgres.ts";
import { linkedPrograms } from "../../support/served.ts";
import { freshDsn } from "../../support/served-postgres.ts";
import { tempDir } from "../../support/temp.ts";

setDefaultTimeout(testMs);

interface Shared {
  readonly dsn: string;
  readonly env: Readonly<Record<string, string>>;
}

const ledgers: readonly (readonly [string, () => Promise<Shared>])[] = [
  ["SQLite", async () => ({ dsn: `${tempDir("one-key")}/ledger.db`, env: {} })],
  ...(postgresPrograms === undefined
    ? []
    : [
        [
          "PostgreSQL",
          async () => {
            const server = await postgresServer();
            return { dsn: await freshDsn(server), env: { PGPASSWORD: server.password } };
          },
        ] as const,
      ]),
];

describe.each(ledgers)("a ledger in %s", (_, make) => {
  const flags = (dsn: string) => ["--dsn", dsn, "--addr", ":0", "--telemetry-disabled"];

  test("is served with the key that signs it alone", async () => {
    const { dsn, env } = await make();
    const [first, second] = [tempDir("home-1"), tempDir("home-2")];
    const here = linkedPrograms({ ...env, AEGIS_HOME: first });
    const server = await here.start("aegisd", ...flags(dsn));
    const url = `http://${server.greeting.trim().split(" ").at(-1)}`;
    const event = { tenant_id: "a", session_id: "s", event_type: "CHECKPOINT", payload: {} };
    const post = (to: string) =>
      fetch(`${to}/v1/events`, { method: "POST", body: JSON.stringify(event) });
    expect((await post(url)).status).toBe(201);

    const there = linkedPrograms({ ...env, AEGIS_HOME: second });
    const refused = await there.run("aegisd", ...flags(dsn));
    expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toMatch(/^error: Cannot serve the ledger "[^"]+": its key is not here/);
    expect(refused.stderr).toContain("copy keys/ledger.key and keys/approval.secret");
    expect(existsSync(`${second}/keys/ledger.key`)).toBe(false);

    // A key of its own, of another ledger.
    const own = await there.start("aegisd", ...flags("own.db"));
    expect(await own.stop()).toBe(0);
    const kept = readFileSync(`${second}/keys/ledger.key`);
    const again = await there.run("aegis", "serve", "--addr", ":0", ...place(dsn));
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toMatch(/another key signs it/);
    expect(readFileSync(`${second}/keys/ledger.key`)).toEqual(kept);

    const third = tempDir("home-3");
    mkdirSync(`${third}/keys`, { mode: 0o700 });
    for (const name of ["ledger.key", "approval.secret"]) {
      copyFileSync(`${first}/keys/${name}`, `${third}/keys/${name}`);
    }
    const elsewhere = linkedPrograms({ ...env, AEGIS_HOME: third });
    const shared = await elsewhere.start("aegisd", ...flags(dsn));
    expect((await post(`http://${shared.greeting.trim().split(" ").at(-1)}`)).status).toBe(201);
    expect((await post(url)).status).toBe(201);
    expect(await shared.stop()).toBe(0);
    expect(await server.stop()).toBe(0);
    const verified = await elsewhere.run("aegis", "audit", "verify", "--ledger", dsn);
    expect([verified.exitCode, verified.stdout]).toEqual([
      0,
      expect.stringContaining("all 3 entries verified"),
    ]);
  });
});

function place(dsn: string): readonly string[] {
  return [dsn.startsWith("postgres:") ? "--dsn" : "--ledger", dsn];
}
