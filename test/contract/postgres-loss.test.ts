// A PostgreSQL that goes away: between two requests, in the middle of one, and at the one moment
// when nobody knows whether it was stored.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { AegisError } from "../../src/base/errors.ts";
import { parseJsonText } from "../../src/base/json-text.ts";
import type { AppendRequest } from "../../src/ledger/control/contract.ts";
import { createControlLog } from "../../src/ledger/control/log.ts";
import type { PostgresPlace } from "../../src/ledger/postgres/place.ts";
import { cutWire } from "../support/cut-wire.ts";
import { postgresLedger } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import {
  type PostgresServer,
  postgresPrograms,
  postgresServer,
  startPostgres,
} from "../support/postgres.ts";

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

async function logOver(server: PostgresServer, port = server.port) {
  return logAt(await server.place({ host: "127.0.0.1", port }));
}

async function logAt(place: PostgresPlace) {
  const { store, ledger } = await postgresLedger(place);
  return { log: createControlLog(store), ledger, place };
}

describe.skipIf(!isHere)("a connection cut", () => {
  test.each([
    ["when the events are under way", "MARKED", "before"],
    ["when the events have arrived", "MARKED", "after"],
    ["before the server is told to store", "COMMIT", "before"],
    ["before the server can say that it stored", "COMMIT", "after"],
  ] as const)("%s: they are stored, once", async (_, words, when) => {
    const server = await postgresServer();
    const wire = cutWire(server.port);
    const { log, ledger } = await logOver(server, wire.port);
    await log.append([event]);
    wire.cutAt(words, when);
    const [outcome] = await log.append([{ ...event, type: "MARKED" }]);
    expect(wire.cuts()).toBe(1);
    expect(outcome).toMatchObject({ kind: "stored", seq: 1, index: 1 });
    expect(await log.size()).toBe(2);
    expect((await ledger.verify()).findings).toEqual([]);
  });

  test("for good at that moment: nobody knows, and sent again it is stored once", async () => {
    const server = await postgresServer();
    const wire = cutWire(server.port);
    const { log, place } = await logOver(server, wire.port);
    wire.cutAt("COMMIT", "after", "for good");
    const refusal = await log.append([{ ...event, seq: 0 }]).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(AegisError);
    expect(String(refusal)).toContain("whether it was stored is not known");
    const { log: other, ledger } = await logAt({ ...place, port: server.port });
    expect(await other.append([{ ...event, seq: 0 }])).toMatchObject([{ seq: 0, index: 0 }]);
    expect(await other.size()).toBe(1);
    expect((await ledger.verify()).findings).toEqual([]);
  });

  test("while reading is not noticed", async () => {
    const server = await postgresServer();
    const wire = cutWire(server.port);
    const { log } = await logOver(server, wire.port);
    await log.append([event]);
    wire.cutAt("acme", "after");
    expect(await log.events({ tenant: "acme", limit: 10 })).toHaveLength(1);
    expect(wire.cuts()).toBe(1);
  });
});

describe.skipIf(!isHere)("a server", () => {
  test("that ends connections all the time has each acknowledged event once", async () => {
    const server = await startPostgres();
    const place = await server.place();
    const logs = await Promise.all([1, 2, 3].map(() => logAt(place)));
    const sessions = Array.from({ length: 12 }, (_, at) => `s${at}`);
    let isOver = false;
    let refusals = 0;
    let ended = 0;
    const acknowledged = new Map<string, string>();
    const store = async (session: string, at: number): Promise<void> => {
      for (let seq = 0; seq < 15; ) {
        const { log } = logs[(at + refusals) % logs.length] ?? logs[0] ?? { log: undefined };
        try {
          const known = acknowledged.get(`${session} ${seq - 1}`);
          const prevHash = known === undefined ? undefined : Uint8Array.fromHex(known);
          const [outcome] = (await log?.append([{ ...event, session, seq, prevHash }])) ?? [];
          if (outcome === undefined || outcome.kind === "refused") throw new Error("refused");
          acknowledged.set(`${session} ${seq}`, outcome.hash);
          seq += 1;
        } catch (error) {
          if (!(error instanceof AegisError) || error.code !== "ledger/unavailable") throw error;
          refusals += 1;
        }
      }
    };
    const ending = (async () => {
      while (!isOver) {
        ended += (await server.admin().unsafe(endOne)).length;
        await Bun.sleep(5);
      }
    })();
    await Promise.all(sessions.map(store));
    isOver = true;
    await ending;
    expect(ended).toBeGreaterThan(0);
    const report = await logs[0]?.ledger.verify();
    expect(report).toMatchObject({ findings: [], eventCount: 12 * 15 });
    for (const session of sessions) {
      const events = (await logs[1]?.log.events({ tenant: "acme", session, limit: 100 })) ?? [];
      expect(events.map(({ hash }) => hash)).toEqual(
        events.map(({ seq }) => acknowledged.get(`${session} ${seq}`) ?? "none"),
      );
    }
  });

  test("that loses power has what it acknowledged, and is used again when it is back", async () => {
    const server = await startPostgres();
    const { log, ledger } = await logOver(server);
    const acknowledged = await log.append([event, event, event]);
    await server.kill();
    for (const use of [() => log.append([event]), () => log.size()]) {
      const refusal = await use().then(String, (error: unknown) => error);
      expect(refusal).toBeInstanceOf(AegisError);
      expect(refusal).toMatchObject({ code: "ledger/unavailable" });
      expect(Bun.inspect(refusal)).not.toContain(server.password);
    }
    await server.start();
    expect(await log.append([event])).toMatchObject([{ kind: "stored", seq: acknowledged.length }]);
    expect(await log.verify("acme", "s")).toMatchObject({ valid: true });
    expect((await ledger.verify()).findings).toEqual([]);
  });

  test("that stops answering is an error in time, and is used again when it goes on", async () => {
    const server = await startPostgres();
    const { log } = await logOver(server);
    await log.append([event]);
    server.pause();
    try {
      await expect(log.size()).rejects.toThrow("does not answer");
    } finally {
      server.resume();
    }
    expect(await log.append([event])).toMatchObject([{ kind: "stored", seq: 1 }]);
  });

  test("whose other writer died holding the head is not waited for", async () => {
    const server = await postgresServer();
    const { log, place } = await logOver(server);
    const other = Bun.spawn([process.execPath, "-e", holdsTheHead], {
      env: { PLACE: JSON.stringify(place) },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await other.stdout.getReader().read();
    const appending = log.append([event]);
    other.kill("SIGKILL");
    expect(await appending).toMatchObject([{ kind: "stored", seq: 0 }]);
  });
});

/** Whoever is in the middle of something. */
const endOne = `
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid <> pg_backend_pid() AND application_name = 'aegis' AND state <> 'idle' LIMIT 1
`;

const holdsTheHead = `
  const { host, port, user, password, database, searchPath } = JSON.parse(process.env.PLACE);
  const sql = new Bun.SQL({
    adapter: "postgres", hostname: host, port, username: user, password, database, tls: false,
    max: 1, connection: { search_path: searchPath },
  });
  await sql.begin(async (held) => {
    await held.unsafe("SELECT size FROM aegis_head FOR UPDATE");
    console.log("held");
    await new Promise(() => setInterval(() => {}, 1000));
  });
`;
