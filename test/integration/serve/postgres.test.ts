// Servers on one ledger in PostgreSQL, as people run them: one is killed in the middle, the
// database goes away and comes back, and the password is nowhere to be read.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { spawnAegis, waitFor } from "../../support/harness.ts";
import { postgresLedger } from "../../support/ledger.ts";
import { conditionMs, testMs } from "../../support/patience.ts";
import {
  type PostgresServer,
  postgresPrograms,
  postgresServer,
  startPostgres,
} from "../../support/postgres.ts";
import type { ServedProcess } from "../../support/served.ts";
import { linkedPrograms } from "../../support/served.ts";
import { freshDsn, servePostgres } from "../../support/served-postgres.ts";
import { tempDir } from "../../support/temp.ts";
import { anEvent, textStream } from "../../support/text-stream.ts";

setDefaultTimeout(testMs);

const isHere = postgresPrograms !== undefined;

interface Acknowledged {
  readonly session: string;
  readonly seq: number;
  readonly hash: string;
}

interface Posted {
  readonly status: number;
  readonly body: string;
}

async function post(url: string, path: string, body: object): Promise<Posted> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(conditionMs),
  });
  return { status: response.status, body: await response.text() };
}

async function get(url: string, path: string): Promise<Posted> {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, body: await response.text() };
}

function event(session: string, seq: number, prevHash: string): object {
  return {
    ...{ tenant_id: "acme", user_id: "u", session_id: session, seq, prev_hash: prevHash },
    ...{ ts_unix_ms: 1_700_000_000_000 + seq, event_type: "TOOL_RESULT" },
    payload: { call_id: `${session}-${seq}`, result: "ok" },
  };
}

async function startAll(server: PostgresServer, dsn: string, count: number) {
  // With one key, as servers of one ledger have to have.
  const env = { PGPASSWORD: server.password, AEGIS_HOME: tempDir("servers-home") };
  return Promise.all(Array.from({ length: count }, () => servePostgres(dsn, env)));
}

describe.skipIf(!isHere)("three servers on one ledger", () => {
  test("lose nothing and fork nothing when one of them is killed under 200 sessions", async () => {
    const server = await startPostgres();
    const dsn = await freshDsn(server);
    const servers = await startAll(server, dsn, 3);
    const [first, second] = servers;
    if (first === undefined || second === undefined) throw new Error("no servers");
    const eventsEach = 6;
    const sessions = Array.from({ length: 200 }, (_, at) => `s${at}`);
    const acknowledged: Acknowledged[] = [];
    let killed: Promise<number> | undefined;
    let retries = 0;

    async function store(session: string, at: number, seq: number, prev: string): Promise<string> {
      for (let attempt = 0; ; attempt++) {
        const { url } = servers[(at + attempt) % servers.length] ?? first ?? { url: "" };
        try {
          const { status, body } = await post(url, "/v1/events", event(session, seq, prev));
          if (status === 200 || status === 201) {
            const { hash } = JSON.parse(body) as { hash: string };
            acknowledged.push({ session, seq, hash });
            return hash;
          }
          throw new Error(`${status} ${body}`);
        } catch (error) {
          if (attempt > 6) throw error;
          retries += 1;
        }
      }
    }

    await Promise.all(
      sessions.map(async (session, at) => {
        let prev = "";
        for (let seq = 0; seq < eventsEach; seq++) {
          prev = await store(session, at, seq, prev);
          if (acknowledged.length > 100) killed ??= first.kill("SIGKILL");
        }
      }),
    );
    await killed;
    expect(retries).toBeGreaterThan(0);
    expect(acknowledged).toHaveLength(sessions.length * eventsEach);

    for (const session of sessions) {
      const listed = await get(second.url, `/v1/events?tenant_id=acme&session_id=${session}`);
      const { Events } = JSON.parse(listed.body) as { Events: Acknowledged[] };
      const own = acknowledged.filter((one) => one.session === session);
      expect(Events.map(({ seq, hash }) => ({ session, seq, hash }))).toEqual(own);
      const verdict = await get(second.url, `/v1/sessions/${session}/verify?tenant_id=acme`);
      expect(JSON.parse(verdict.body)).toMatchObject({ valid: true });
    }
    const searchPath = new URL(dsn).searchParams.get("search_path") ?? "";
    const place = { ...(await server.place()), searchPath };
    const report = await (await postgresLedger(place)).ledger.verify();
    expect(report).toMatchObject({ findings: [], eventCount: acknowledged.length });
    const said = await linkedPrograms().run(
      ...(["aegisctl", "verify", "--tenant", "acme", "--session", "s7"] as const),
      ...(["--server", second.url] as const),
    );
    expect(said).toMatchObject({ stdout: "OK: chain valid for session s7\n", exitCode: 0 });
  });

  test("tell a live tail what another one stored", async () => {
    const server = await postgresServer();
    const [first, second] = await startAll(server, await freshDsn(server), 2);
    const stream = textStream(await fetch(`${first?.url}/v1/events/stream?tenant_id=acme`));
    await stream.until(/connected/);
    expect(await post(second?.url ?? "", "/v1/events", event("s", 0, ""))).toMatchObject({
      status: 201,
    });
    const start = performance.now();
    expect(await stream.until(anEvent)).toContain('"call_id":"s-0"');
    expect(performance.now() - start).toBeLessThan(conditionMs);
    await stream.cancel();
  });
});

describe.skipIf(!isHere)("a database that goes away", () => {
  test("means 503, not ready and no allowance, until it is back", async () => {
    const server = await startPostgres();
    const dsn = await freshDsn(server);
    const [served] = await startAll(server, dsn, 1);
    const url = (served as ServedProcess).url;
    const stored = await post(url, "/v1/events", event("s", 0, ""));
    expect(stored.status).toBe(201);
    const { hash } = JSON.parse(stored.body) as { hash: string };
    expect((await get(url, "/readyz")).status).toBe(200);

    await server.kill();
    const refused = await post(url, "/v1/events", event("s", 1, hash));
    expect(refused).toMatchObject({ status: 503 });
    expect(JSON.parse(refused.body)).toMatchObject({ code: "ledger_unavailable" });
    const ready = await get(url, "/readyz");
    expect(ready).toMatchObject({ status: 503 });
    expect(JSON.parse(ready.body)).toEqual({ status: "not ready", error: "db unreachable" });
    expect((await get(url, "/healthz")).status).toBe(200);
    const metrics = await get(url, "/metrics");
    expect(metrics).toMatchObject({ status: 200 });
    expect(metrics.body).toContain("\naegis_ledger_up 0\n");
    expect(metrics.body).not.toContain("\naegis_ledger_events ");
    const decision = await post(url, "/v1/policy/decide", {
      event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "t", args: {} } },
      session: { tenant_id: "acme", session_id: "s" },
    });
    expect(decision).toMatchObject({ status: 503 });
    expect(decision.body).not.toContain("allow");
    for (const { body } of [refused, ready, decision]) expect(body).not.toContain(server.password);

    await server.start();
    await waitFor("readiness", async () => (await get(url, "/readyz")).status === 200);
    const again = await post(url, "/v1/events", event("s", 1, hash));
    expect(again.status).toBe(201);
    expect((await get(url, "/metrics")).body).toContain("\naegis_ledger_up 1\n");
    const verdict = await get(url, "/v1/sessions/s/verify?tenant_id=acme");
    expect(JSON.parse(verdict.body)).toMatchObject({ valid: true });
    expect((served as ServedProcess).said()).not.toContain(server.password);
  });

  test("before the start is an error that does not repeat the password", async () => {
    const { port } = await postgresServer();
    const programs = linkedPrograms();
    const dsn = `postgres://aegis:s3cretword@127.0.0.1:${port}/none`;
    const ended = await programs.run("aegisd", "--addr", ":0", "--dsn", dsn);
    expect(ended.exitCode).not.toBe(0);
    expect(ended.stderr).toContain(`postgres://aegis@127.0.0.1:${port}/none`);
    expect(ended.stdout + ended.stderr).not.toContain("s3cretword");
  });
});

describe.skipIf(!isHere)("aegis audit --ledger postgres://…", () => {
  test("signs and verifies, and finds what was changed", async () => {
    const server = await postgresServer();
    const dsn = await freshDsn(server);
    const env = { PGPASSWORD: server.password, HOME: tempDir("home") };
    const audit = (...args: readonly string[]) =>
      spawnAegis(["audit", ...args, "--ledger", dsn], { env });

    const absent = await audit("verify");
    expect(absent.exitCode).not.toBe(0);
    expect(absent.stderr).toContain("nothing was recorded there");

    const served = await servePostgres(dsn, env);
    for (let seq = 0; seq < 3; seq++) {
      const { status } = await post(served.url, "/v1/events", event(`s${seq}`, 0, ""));
      expect(status).toBe(201);
    }
    expect(await audit("checkpoint")).toMatchObject({ exitCode: 0 });
    const good = await audit("verify");
    expect(good).toMatchObject({ exitCode: 0, stderr: "" });
    expect(good.stdout).toContain("all 3 entries verified");
    expect(good.stdout).toContain("3 entries, signed by");

    const schema = new URL(dsn).searchParams.get("search_path");
    await server.admin().begin(async (admin) => {
      await admin.unsafe("SET LOCAL session_replication_role = replica");
      await admin.unsafe(`UPDATE ${schema}.aegis_event SET type = 'X' WHERE idx = 1`);
    });
    const bad = await audit("verify");
    expect(bad.exitCode).toBe(1);
    expect(bad.stdout).toContain("entry #1");
    for (const { stdout, stderr } of [absent, good, bad]) {
      expect(stdout + stderr).not.toContain(server.password);
    }
  });
});

describe.skipIf(!isHere)("aegisd", () => {
  test("finds the password in a passfile that aegis.yaml names, and warns about a typed one", async () => {
    const server = await postgresServer();
    const dsn = await freshDsn(server);
    const programs = linkedPrograms();
    const passfile = `${tempDir("pass")}/pass`;
    writeFileSync(passfile, `*:*:*:*:${server.password.replace(/[\\:]/g, "\\$&")}\n`);
    chmodSync(passfile, 0o600);
    writeFileSync(`${programs.folder}/aegis.yaml`, `dsn: ${dsn}&passfile=${passfile}\n`);
    const quiet = await programs.start("aegisd", "--addr", ":0", "--config", "aegis.yaml");
    expect(quiet.greeting).toContain("listening");
    expect(await quiet.stop()).toBe(0);
    expect(quiet.said()).toBe("");

    const typed = dsn.replace("@", `:${encodeURIComponent(server.password)}@`);
    const warned = await programs.start("aegisd", "--addr", ":0", "--dsn", typed);
    expect(await warned.stop()).toBe(0);
    expect(warned.said()).toContain("every user of this machine can read the password");
    for (const secret of [server.password, encodeURIComponent(server.password)]) {
      expect(warned.said() + warned.greeting).not.toContain(secret);
    }
  });
});
