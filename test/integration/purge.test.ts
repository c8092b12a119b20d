// `aegis audit purge` as people run it: what it says, what every reader says afterwards, killed at
// any write, beside a server, and on PostgreSQL.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ZodType } from "zod";
import { postgresPlace } from "../../src/app/ledger/postgres-dsn.ts";
import type { SessionId } from "../../src/base/ids.ts";
import type { AbsPath } from "../../src/base/paths.ts";
import type { Ledger } from "../../src/ledger/contract.ts";
import { openLedger } from "../../src/ledger/open.ts";
import { openPostgresLedger } from "../../src/ledger/postgres/open.ts";
import type { JsonObject } from "../../src/model/event.ts";
import * as wire from "../../src/wire/entry.ts";
import { aegisBinary, cleanEnvironment, type Outcome, spawnAegis } from "../support/harness.ts";
import { access, opening, recordSession, startMs, testPolicy } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { postgresPrograms, postgresServer } from "../support/postgres.ts";
import { startServe } from "../support/served.ts";
import { freshDsn, servePostgres } from "../support/served-postgres.ts";
import { tempDir } from "../support/temp.ts";

setDefaultTimeout(testMs);

const secret = "planted-5ecret";

interface Recorded {
  readonly home: string;
  readonly old: SessionId;
  readonly open: SessionId;
  aegis(...args: readonly string[]): Promise<Outcome>;
}

function aegisIn(home: string) {
  return (...args: readonly string[]) => spawnAegis(args, { env: { AEGIS_HOME: home } });
}

/** An ended session of 30 accesses, long ago, and one that has no end. */
async function recorded(home = join(tempDir("home"), "state")): Promise<Recorded> {
  const ledger = await openLedger({ database: `${home}/ledger.db`, keys: `${home}/keys` });
  const { id: old } = await recordSession(ledger, 30, { command: ["sh", "-c", secret] });
  const writer = await ledger.openSession(opening({ name: "open" }), testPolicy, startMs);
  await writer.append([access("/usr/open")]);
  await ledger.close();
  return { home, old, open: writer.id, aegis: aegisIn(home) };
}

function holding(home: string): readonly string[] {
  const files = ["ledger.db", "ledger.db-wal"].map((name) => join(home, name));
  return files.filter((path) => existsSync(path) && readFileSync(path).includes(secret));
}

function read<T>(schema: ZodType<T>, { stdout, stderr, exitCode }: Outcome): T {
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return schema.parse(JSON.parse(stdout));
}

describe("aegis audit purge", () => {
  test("says what would go, and does it with --confirm alone", async () => {
    const { aegis, home } = await recorded();
    const asked = await aegis("audit", "purge", "30d");
    expect(asked.exitCode).toBe(2);
    expect(asked.stderr).toContain("without --confirm: 1 session(s) with 34 entries would go");
    expect(holding(home)).not.toEqual([]);
    const done = await aegis("audit", "purge", "30d", "--confirm");
    expect(done).toMatchObject({ stderr: "", exitCode: 0 });
    expect(done.stdout).toBe(
      "Purged 1 session(s) with 34 entries: ad-hoc runs, older than 30d\n" +
        "Integrity: valid, 41 entries, 34 purged\n",
    );
    expect(holding(home)).toEqual([]);
    const again = await aegis("audit", "purge", "30d", "--confirm");
    expect(again).toMatchObject({ stderr: "", exitCode: 0 });
    expect(again.stdout).toContain("Nothing to purge: ad-hoc runs, older than 30d\n");
    expect((await aegis("audit", "purge", "30d")).stdout).toContain("Nothing to purge");
  });

  test("does not count any more once a backup from before it was restored", async () => {
    const { aegis, home } = await recorded();
    const [ledger, kept] = [join(home, "ledger.db"), join(home, "kept.db")];
    const backup = join(tempDir("backup"), "one");
    expect(await aegis("backup", "--ledger", ledger, backup)).toMatchObject({ exitCode: 0 });
    expect(await aegis("audit", "purge", "30d", "--confirm")).toMatchObject({ exitCode: 0 });
    renameSync(ledger, kept);
    const restored = await aegis("restore", "--accept-older", "--to", ledger, backup);
    expect(restored).toMatchObject({ exitCode: 0 });
    expect((await aegis("audit", "verify")).stdout).toMatch(/^Valid: +YES$/m);
    for (const end of ["", "-wal", "-shm"]) rmSync(ledger + end, { force: true });
    renameSync(kept, ledger);
    const { stdout } = await aegis("audit", "verify");
    expect(stdout).toMatch(/^Valid: +NO$/m);
    expect(stdout).toContain("signed before the ledger was restored with 38 events");
  });

  test("takes ages of one form", async () => {
    const { aegis } = await recorded();
    for (const age of ["0d", "30", "d", "-1d", "1w", "1.5h", "01d", "365001d", "30D", " 1d", ""]) {
      const { stderr, exitCode } = await aegis("audit", "purge", "--confirm", "--", age);
      expect([age, exitCode]).toEqual([age, 2]);
      expect(stderr).toContain(`Cannot use "${age}" as an age`);
    }
    const all = ["365000d", "999d", "1d", "365000h", "1h", "365000m", "1m"];
    for (const age of all) expect((await aegis("audit", "purge", age)).exitCode).toBeOneOf([0, 2]);
    const none = await aegisIn(tempDir("home"))("audit", "purge", "1d", "--confirm");
    expect([none.exitCode, none.stderr]).toEqual([1, expect.stringContaining("nothing was rec")]);
  });

  test("leaves what every reader says deliberately", async () => {
    const { aegis, old, open, home } = await recorded();
    const purged = read(
      wire.purgedLedger,
      await aegis("audit", "purge", "30d", "--confirm", "--json"),
    );
    expect(purged).toMatchObject({ purged_sessions: 1, purged_entries: 34, valid: true });
    const verified = await aegis("audit", "verify");
    expect(verified.stdout).toContain("Purged:        34\n");
    expect(verified.stdout).toContain("7 of 41 entries verified, the purged ones by place alone");
    expect(read(wire.integrity, await aegis("audit", "verify", "--json"))).toMatchObject({
      ...{ valid: true, total_entries: 41, purged_entries: 34 },
      ...{ findings: [], unclosed_sessions: [open] },
    });
    const { sessions } = read(wire.sessionList, await aegis("audit", "sessions", "--json"));
    expect(sessions.map(({ id, purged: isGone }) => [id, isGone])).toEqual([
      [purged.session_id ?? "", false],
      [open, false],
      [old, true],
    ]);
    expect((await aegis("audit", "sessions")).stdout).toMatch(new RegExp(`${old} +purged`));
    expect((await aegis("audit", "session", old)).stdout).toMatch(/Entries: +purged/);
    expect(read(wire.sessionDetails, await aegis("audit", "session", old, "--json"))).toMatchObject(
      { session: { purged: true, command: [], total_actions: 30 }, entries: [] },
    );
    const page = read(wire.entryPage, await aegis("audit", "query", "--json"));
    expect([page.total, page.entries.length]).toEqual([7, 7]);
    expect((await aegis("log")).stdout).not.toContain("file-3");
    for (const limit of ["3", "7", "1000"]) {
      const { stdout } = await aegis("audit", "export", "--format", "jsonl", "--limit", limit);
      const seqs = stdout.trimEnd().split("\n");
      expect(seqs).toHaveLength(Math.min(7, Number(limit)));
      expect(new Set(seqs).size).toBe(seqs.length);
    }
    const report = JSON.parse((await aegis("report", "--format", "json")).stdout);
    expect(report).toMatchObject({ total_entries: 7, total_sessions: 3, integrity_valid: true });
    expect(report.sessions.map((one: { purged: boolean }) => one.purged)).toEqual([
      false,
      true,
      false,
    ]);
    expect((await aegis("report")).stdout).toContain("(purged)");
    const refused = [
      ["log", "--session", old],
      ["audit", "query", "--session", old],
      ["audit", "prove", `${old}:3`],
      ["audit", "tag", old, "x"],
      ["replay", old, "--policy", "permit-all"],
      ["diff", old, open],
      ["learn", "--session", old],
    ];
    for (const args of refused) {
      const { stderr, exitCode } = await aegis(...args);
      expect([args[0], exitCode]).toEqual([args[0], args[0] === "learn" ? 125 : 1]);
      expect(stderr).toContain(`The events of session "${old}" were purged`);
    }
    expect((await aegis("audit", "prove", `${open}:2`)).exitCode).toBe(0);
    expect((await aegis("audit", "policy-history")).stdout).toContain(testPolicy.hash.slice(0, 8));
    const backup = join(home, "after.backup");
    await aegis("backup", "--with-key", backup);
    const there = tempDir("home");
    expect((await aegisIn(there)("restore", backup)).exitCode).toBe(0);
    expect((await aegisIn(there)("audit", "verify")).stdout).toContain("Valid:         YES");
  });

  test("does nothing to a ledger that was changed, or that another process has locked", async () => {
    const { aegis, home } = await recorded();
    const { Database } = await import("bun:sqlite");
    const db = new Database(join(home, "ledger.db"));
    db.run("BEGIN IMMEDIATE");
    const locked = await aegis("audit", "purge", "30d", "--confirm");
    expect([locked.exitCode, locked.stderr]).toEqual([1, expect.stringContaining("locked")]);
    db.run("ROLLBACK");
    db.run("DROP TRIGGER event_update_guard");
    db.run("UPDATE event SET ts_ms = ts_ms + 1 WHERE idx = 2");
    db.close();
    const changed = await aegis("audit", "purge", "30d", "--confirm");
    expect(changed.exitCode).toBe(1);
    expect(changed.stderr).toContain("Cannot purge the ledger: event 2 has columns");
    expect(holding(home)).not.toEqual([]);
  });
});

const strace = Bun.which("strace");

test.skipIf(strace === null)(
  "killed at any write it is done wholly or not at all, and finished by the next (needs strace)",
  async () => {
    const template = await recorded();
    const outcomes = { killed: 0, whole: 0, none: 0 };
    for (let write = 1, isKilled = true; isKilled; write += 3) {
      const home = join(tempDir("home"), "state");
      cpSync(template.home, home, { recursive: true });
      const inject = `inject=pwrite64:signal=SIGKILL:when=${write}`;
      const how = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", inject];
      const purge = [aegisBinary(), "audit", "purge", "30d", "--confirm"];
      const child = Bun.spawn(["strace", ...how, ...purge], {
        env: cleanEnvironment({ AEGIS_HOME: home }),
        stdio: ["ignore", "ignore", "ignore"],
      });
      isKilled = (await child.exited) !== 0;
      outcomes.killed += Number(isKilled);
      const aegis = aegisIn(home);
      const found = read(wire.integrity, await aegis("audit", "verify", "--json"));
      expect(found).toMatchObject({ valid: true, findings: [] });
      expect(found.purged_entries).toBeOneOf([0, 34]);
      outcomes[found.purged_entries === 0 ? "none" : "whole"] += 1;
      const finished = await aegis("audit", "purge", "30d", "--confirm", "--json");
      expect(read(wire.purgedLedger, finished).valid).toBe(true);
      const after = read(wire.integrity, await aegis("audit", "verify", "--json"));
      expect(after).toMatchObject({ valid: true, purged_entries: 34 });
      expect(holding(home)).toEqual([]);
    }
    console.log("purges killed at a write:", JSON.stringify(outcomes));
    expect(outcomes.none).toBeGreaterThan(0);
    expect(outcomes.whole).toBeGreaterThan(1);
  },
  2 * testMs,
);

interface ServedLedger {
  readonly url: string;
  /** As the one that boxes are recorded in. */
  using<T>(use: (ledger: Ledger) => Promise<T>): Promise<T>;
  purge(): Promise<Outcome>;
  verify(): Promise<Outcome>;
}

async function besideServer({ url, using, purge, verify }: ServedLedger): Promise<void> {
  const post = async (session: string, type: string, tsUnixMs: number) => {
    const event = { tenant_id: "acme", session_id: session, event_type: type, payload: {} };
    const body = JSON.stringify({ ...event, ts_unix_ms: tsUnixMs });
    const headers = { "Idempotency-Key": `${session} ${type} ${tsUnixMs}` };
    return fetch(`${url}/v1/events`, { method: "POST", body, headers });
  };
  for (const session of ["gone", "kept"]) {
    expect((await post(session, "TOOL_CALL_PROPOSED", startMs)).status).toBe(201);
    const asked = await fetch(`${url}/v1/sessions/${session}/snapshot?tenant_id=acme`);
    expect(asked.status).toBe(200);
  }
  expect((await post("gone", "TERMINATION", startMs + 1)).status).toBe(201);
  // So far nobody but the client says that it is old.
  const early = await purge();
  expect(early).toMatchObject({ stderr: "", exitCode: 0 });
  expect(early.stdout).toMatch(/^Nothing to purge: .+\nDated: what clients recorded up to now/);
  expect((await purge()).stdout).toMatch(/^Nothing to purge: .+\nIntegrity: valid/);
  await using((ledger) => ledger.openSession(opening({ name: "dated" }), testPolicy, startMs + 2));
  const done = await purge();
  expect(done).toMatchObject({ stderr: "", exitCode: 0 });
  expect(done.stdout).toContain("Purged 1 session(s) with 2 entries");
  const of = (path: string) => `${url}/v1/${path}${path.includes("?") ? "&" : "?"}tenant_id=acme`;
  const gone = [
    "sessions/gone",
    "sessions/gone/snapshot",
    "sessions/gone/verify",
    "sessions/gone/replay",
    "events?session_id=gone",
    "events/stream?session_id=gone",
  ];
  for (const path of gone) {
    const answer = await fetch(of(path));
    expect([path, answer.status]).toEqual([path, 410]);
    expect(await answer.json()).toMatchObject({ code: "session_purged" });
  }
  for (const type of ["TOOL_CALL_PROPOSED", "TERMINATION"]) {
    const answer = await post("gone", type, startMs + 2);
    expect([answer.status, await answer.json()]).toEqual([
      410,
      expect.objectContaining({ code: "session_purged" }),
    ]);
  }
  const call = { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "exec", args: {} } };
  const session = { tenant_id: "acme", session_id: "gone" };
  const decided = await fetch(`${url}/v1/policy/decide`, {
    method: "POST",
    body: JSON.stringify({ event: call, session }),
  });
  expect([decided.status, await decided.json()]).toEqual([
    410,
    expect.objectContaining({ code: "session_purged" }),
  ]);
  const json = async (path: string) => (await (await fetch(of(path))).json()) as JsonObject;
  const { sessions } = await json("sessions");
  expect(sessions).toMatchObject([
    { session_id: "kept", closed: false, event_count: 1 },
    { session_id: "gone", closed: true, event_count: 2, purged: true },
  ]);
  expect(sessions).not.toMatchObject([{ purged: true }, {}]);
  expect((await json("events")).Events).toMatchObject([{ session_id: "kept" }]);
  expect((await post("kept", "TOOL_RESULT", startMs + 3)).status).toBe(201);
  const kept = await fetch(of("sessions/kept/verify"));
  expect(await kept.json()).toMatchObject({ valid: true });
  const verified = await verify();
  expect(verified.stdout).toContain("Valid:         YES");
}

describe("beside a server, for which nothing of the session is left", () => {
  test("in SQLite", async () => {
    const home = tempDir("home");
    const server = await startServe(cleanEnvironment({ AEGIS_HOME: home }), []);
    const aegis = aegisIn(home);
    try {
      await besideServer({
        url: server.url,
        async using(use) {
          const place = { database: `${home}/ledger.db`, keys: `${home}/keys` };
          const ledger = await openLedger(place);
          return use(ledger).finally(() => ledger.close());
        },
        purge: () => aegis("audit", "purge", "30d", "--confirm"),
        verify: () => aegis("audit", "verify"),
      });
    } finally {
      await server.kill("SIGKILL");
    }
  });

  test.skipIf(postgresPrograms === undefined)("in PostgreSQL", async () => {
    const server = await postgresServer();
    const dsn = await freshDsn(server);
    const env = { PGPASSWORD: server.password, AEGIS_HOME: tempDir("home") };
    const { url } = await servePostgres(dsn, env);
    const aegis = (...args: string[]) => spawnAegis([...args, "--ledger", dsn], { env });
    await besideServer({
      url,
      async using(use) {
        const place = postgresPlace(dsn, env, "/" as AbsPath);
        const ledger = await openPostgresLedger(place, `${env.AEGIS_HOME}/keys`);
        return use(ledger).finally(() => ledger.close());
      },
      purge: () => aegis("audit", "purge", "30d", "--confirm"),
      verify: () => aegis("audit", "verify"),
    });
  });
});
