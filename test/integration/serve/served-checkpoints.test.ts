// What a server signs, as who looks after it sees it: after a stop, and after it was killed.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { spawnAegis } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { postgresPrograms, postgresServer } from "../../support/postgres.ts";
import { linkedPrograms } from "../../support/served.ts";
import { freshDsn } from "../../support/served-postgres.ts";
import { tempDir } from "../../support/temp.ts";

setDefaultTimeout(testMs);

interface Place {
  /** Of `aegisd`, and of commands that read a ledger. */
  readonly serve: readonly string[];
  readonly read: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const places: readonly (readonly [string, () => Promise<Place>])[] = [
  [
    "SQLite",
    async () => {
      const path = `${tempDir("ledger")}/ledger.db`;
      return { serve: ["--dsn", path], read: ["--ledger", path], env: {} };
    },
  ],
  ...(postgresPrograms === undefined
    ? []
    : [
        [
          "PostgreSQL",
          async (): Promise<Place> => {
            const server = await postgresServer();
            const dsn = await freshDsn(server);
            const env = { PGPASSWORD: server.password };
            return { serve: ["--dsn", dsn], read: ["--ledger", dsn], env };
          },
        ] as const,
      ]),
];

async function opened(make: () => Promise<Place>) {
  const place = await make();
  const home = tempDir("home");
  const env = { ...place.env, AEGIS_HOME: home };
  const programs = linkedPrograms(env);
  let sent = 0;

  async function start() {
    const server = await programs.start("aegisd", "--addr", "127.0.0.1:0", ...place.serve);
    const address = /listening on (\S+)/.exec(server.greeting)?.[1] ?? "";
    return {
      ...server,
      async send(count: number): Promise<void> {
        for (let at = 0; at < count; at++) {
          const event = { tenant_id: "acme", session_id: "s", seq: undefined };
          const body = JSON.stringify({ ...event, event_type: "TOOL_RESULT", payload: sent++ });
          const { status } = await fetch(`http://${address}/v1/events`, { method: "POST", body });
          expect(status).toBe(201);
        }
      },
    };
  }

  async function read(command: string) {
    const args = ["audit", command, ...place.read, "--json"];
    const { stdout, stderr, exitCode } = await spawnAegis(args, { env });
    return { stderr, exitCode, told: JSON.parse(stdout || "null") as Told };
  }

  return { home, start, read };
}

interface Told {
  readonly valid: boolean;
  readonly size: number;
  readonly note: string;
  readonly checkpoint?: { readonly size: number; readonly note: string };
}

describe.each(places)("a server on %s", (_, make) => {
  test("that is stopped leaves all of its events signed", async () => {
    const { start, read } = await opened(make);
    const server = await start();
    await server.send(3);
    expect(await server.stop()).toBe(0);
    const { told } = await read("verify");
    expect(told).toMatchObject({ valid: true, checkpoint: { size: 3 } });
    expect((await read("checkpoint")).told.note).toBe(told.checkpoint?.note ?? "none");
  });

  test("that was killed leaves them to the next one, which signs before it listens", async () => {
    const { start, read } = await opened(make);
    const first = await start();
    await first.send(2);
    await first.stop();
    const killed = await start();
    await killed.send(3);
    killed.signal("SIGKILL");
    await killed.stop();
    expect((await read("verify")).told).toMatchObject({ valid: true, checkpoint: { size: 2 } });
    const next = await start();
    expect((await read("verify")).told).toMatchObject({ valid: true, checkpoint: { size: 5 } });
    await next.stop();
  });

  test("starts on no ledger that lost events, and does where none is missing", async () => {
    const { home, start, read } = await opened(make);
    const server = await start();
    await server.send(2);
    await server.stop();
    const { told } = await read("verify");
    expect(told.checkpoint?.size).toBe(2);
    const heads = `${home}/keys/heads`;
    const [name = ""] = await Array.fromAsync(new Bun.Glob("*").scan(heads));
    const origin = told.checkpoint?.note.slice(0, told.checkpoint.note.indexOf("\n"));
    const remembered = await Bun.file(`${heads}/${name}`).text();
    await Bun.write(`${heads}/${name}`, `${remembered}\n${origin} 9 ${btoa("x".repeat(32))}\n`);
    await expect(start()).rejects.toThrow(/it has 2 events, ".*" remembers 9 events/);
    rmSync(`${heads}/${name}`);
    expect(await (await start()).stop()).toBe(0);
  });
});
