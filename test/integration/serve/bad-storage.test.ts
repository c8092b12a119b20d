// A server whose ledger cannot be written or read for a while: 503 with a code, never an allow,
// never half of something; and when it can be again, it goes on without a restart.

import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cleanEnvironment } from "../../support/harness.ts";
import { conditionMs, testMs } from "../../support/patience.ts";
import { type ServedProcess, startServe } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

const running: ServedProcess[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

/** @param before words in front of the command */
/** Of one user: the next server has the key of the one before. */
const env = cleanEnvironment();

async function start(ledger: string, ...before: readonly string[]): Promise<ServedProcess> {
  const server = await startServe(env, ["--ledger", ledger], before);
  running.push(server);
  return server;
}

interface Told {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(url: string, body?: object): Promise<Told> {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(conditionMs) });
  return { status: response.status, body: (await response.json()) as Told["body"] };
}

const unavailable = { status: 503, body: { code: "ledger_unavailable" } };

function clientOf({ url }: ServedProcess) {
  const place = { tenant_id: "acme", session_id: "s" };
  return {
    post: (payload: unknown = 1) => ask(`${url}/v1/events`, { ...place, payload }),
    /** Allowed, if only it can be recorded. */
    decide: () =>
      ask(`${url}/v1/policy/decide`, {
        event: { event_type: "MODEL_CALL_STARTED" },
        session: place,
      }),
    approval: () => ask(`${url}/v1/approvals`, { ...place, tool_name: "exec" }),
    get: (path: string) => ask(`${url}${path}?tenant_id=acme`),
  };
}

/** Whatever was acknowledged is there, nothing else is, and all of it is sound. */
async function expectWhole(client: ReturnType<typeof clientOf>, count: number): Promise<void> {
  expect((await client.get("/v1/sessions/s")).body).toMatchObject({ event_count: count });
  expect((await client.get("/v1/sessions/s/verify")).body).toMatchObject({ valid: true });
}

describe("a ledger whose file", () => {
  test("is moved away is not written to until it is back", async () => {
    const folder = tempDir("moved");
    const client = clientOf(await start(`${folder}/ledger.db`));
    expect((await client.post()).status).toBe(201);
    mkdirSync(`${folder}/away`);
    const names = ["ledger.db", "ledger.db-wal", "ledger.db-shm"];
    for (const name of names) renameSync(`${folder}/${name}`, `${folder}/away/${name}`);
    for (const call of [client.post, client.decide, client.approval]) {
      const told = await call();
      expect(told).toMatchObject(unavailable);
      expect(told.body).not.toHaveProperty("outcome");
    }
    expect(await client.get("/v1/events")).toMatchObject(unavailable);
    expect((await client.get("/readyz")).status).toBe(503);
    expect((await client.get("/healthz")).status).toBe(200);
    for (const name of names) renameSync(`${folder}/away/${name}`, `${folder}/${name}`);
    expect((await client.post()).status).toBe(201);
    expect((await client.get("/readyz")).status).toBe(200);
    await expectWhole(client, 2);
  });

  test("is restored from a copy goes on from there, and that of another ledger is refused", async () => {
    const folder = tempDir("restored");
    const ledger = `${folder}/ledger.db`;
    const first = await start(ledger);
    expect((await clientOf(first).post()).status).toBe(201);
    await first.stop();
    running.splice(0);
    copyFileSync(ledger, `${folder}/copy.db`);
    const client = clientOf(await start(ledger));
    expect((await client.post()).status).toBe(201);
    const remove = () => {
      for (const end of ["", "-wal", "-shm"]) rmSync(`${ledger}${end}`, { force: true });
    };
    remove();
    expect(await client.post()).toMatchObject(unavailable);
    copyFileSync(`${folder}/copy.db`, ledger);
    expect((await client.post()).status).toBe(201);
    await expectWhole(client, 2);
    remove();
    const strange = await start(`${folder}/other.db`);
    await strange.stop();
    copyFileSync(`${folder}/other.db`, ledger);
    expect(await client.post()).toMatchObject(unavailable);
  });

  test(
    "is locked by another program is tried for a while, then refused",
    async () => {
      const ledger = `${tempDir("locked")}/ledger.db`;
      const client = clientOf(await start(ledger));
      expect((await client.post()).status).toBe(201);
      const other = new Database(ledger);
      // The server adds up in the background what its sessions come to.
      other.run(`PRAGMA busy_timeout = ${conditionMs}`);
      other.run("BEGIN IMMEDIATE");
      const told: string[] = [];
      const deciding = client.decide().finally(() => told.push("decision"));
      // Whoever writes nothing is not held up by it.
      for (const path of ["/healthz", "/v1/sessions"]) {
        expect((await client.get(path)).status).toBe(200);
        told.push(path);
      }
      expect(await deciding).toMatchObject(unavailable);
      expect(told).toEqual(["/healthz", "/v1/sessions", "decision"]);
      other.run("ROLLBACK");
      other.close();
      expect(await client.decide()).toMatchObject({ status: 200, body: { outcome: "allow" } });
      await expectWhole(client, 2);
    },
    testMs,
  );

  test("is no ledger any more is refused", async () => {
    const ledger = `${tempDir("garbage")}/ledger.db`;
    const client = clientOf(await start(ledger));
    expect((await client.post()).status).toBe(201);
    for (const end of ["-wal", "-shm"]) rmSync(`${ledger}${end}`, { force: true });
    rmSync(ledger);
    writeFileSync(ledger, "not a database, not at all ".repeat(400));
    expect(await client.post()).toMatchObject(unavailable);
    expect(await client.decide()).toMatchObject(unavailable);
    expect((await client.get("/healthz")).status).toBe(200);
  });
});

const canLift = Bun.which("prlimit") !== null;

test.skipIf(!canLift)(
  `a file that may not grow takes nothing more until it may${canLift ? "" : " (skipped: prlimit)"}`,
  async () => {
    const ledger = `${tempDir("limited")}/ledger.db`;
    const server = await start(ledger, "sh", "-c", 'ulimit -S -f 800; exec "$@"', "limited");
    const client = clientOf(server);
    let count = 0;
    for (let told = await client.post(); told.status === 201; count++) {
      told = await client.post("x".repeat(50_000));
      if (told.status !== 201) expect(told).toMatchObject(unavailable);
    }
    expect(count).toBeGreaterThan(1);
    expect(await client.post("x".repeat(50_000))).toMatchObject(unavailable);
    expect((await client.get("/healthz")).status).toBe(200);
    Bun.spawnSync(["prlimit", "--pid", String(server.pid), "--fsize=unlimited"]);
    expect((await client.post("x".repeat(50_000))).status).toBe(201);
    expect(await client.decide()).toMatchObject({ status: 200, body: { outcome: "allow" } });
    await expectWhole(client, count + 2);
  },
  testMs,
);

/** Mounts a small file system where nobody else sees it. */
const canMount =
  process.getuid?.() === 0 &&
  Bun.spawnSync(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).exitCode === 0;
const why = canMount ? "" : " (skipped: only root may mount a small file system)";

test.skipIf(!canMount)(
  `a full disk takes nothing more, and goes on when there is room${why}`,
  async () => {
    const folder = tempDir("full");
    const script = `mount -t tmpfs -o size=4m none "$0" && head -c 2000000 /dev/zero >"$0/ballast" && exec "$@"`;
    const before = ["unshare", "--mount", "sh", "-c", script, folder];
    const server = await start(`${folder}/ledger.db`, ...before);
    const client = clientOf(server);
    let count = 0;
    for (let told = await client.post(); told.status === 201; count++) {
      told = await client.post("x".repeat(50_000));
      if (told.status !== 201) expect(told).toMatchObject(unavailable);
    }
    expect(count).toBeGreaterThan(3);
    for (const call of [() => client.post("x".repeat(50_000)), client.decide, client.approval]) {
      const told = await call();
      // What is small may still have room; what has not is refused whole.
      if (told.status < 300) count++;
      else expect(told).toMatchObject(unavailable);
    }
    expect((await client.get("/healthz")).status).toBe(200);
    await expectWhole(client, count);
    rmSync(`/proc/${server.pid}/root${folder}/ballast`);
    expect((await client.post("x".repeat(50_000))).status).toBe(201);
    expect(await client.decide()).toMatchObject({ status: 200, body: { outcome: "allow" } });
    await expectWhole(client, count + 2);
  },
  testMs,
);
