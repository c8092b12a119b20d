// An event is acknowledged after it is durable, and not before: what the server asks of the kernel,
// in the order in which it asks.

import { expect, test } from "bun:test";
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { traceDisk } from "../../support/failing-disk.ts";
import { testWith } from "../../support/features.ts";
import {
  aegisBinary,
  cleanEnvironment,
  repoRoot,
  spawnAegis,
  waitFor,
} from "../../support/harness.ts";
import { conditionMs, testMs } from "../../support/patience.ts";
import { type ServedProcess, startServe } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

const strace = Bun.which("strace");

test.skipIf(strace === null)(
  "the log is flushed between its last write and the answer (needs strace)",
  async () => {
    const home = tempDir("durable");
    const trace = join(home, "trace");
    // Long enough for a page of the log, so that each write shows which event is in it.
    const how = ["-f", "-y", "-s", "8192"];
    const calls = "trace=pwrite64,fdatasync,fsync,sendto";
    const serve = [aegisBinary(), "serve", "--addr", ":0", "--telemetry-disabled"];
    const child = Bun.spawn(["strace", ...how, "-o", trace, "-e", calls, ...serve], {
      env: { HOME: home, PATH: process.env.PATH ?? "" },
      stdio: ["ignore", "ignore", Bun.file(join(home, "said"))],
    });
    const url = await waitFor("the server", () => {
      return /http:\/\/\S+/.exec(readFileSync(join(home, "said"), "utf8"))?.[0];
    });
    const server = Number(/^(\d+)/.exec(readFileSync(trace, "utf8"))?.[1]);
    using _ = {
      [Symbol.dispose]() {
        if (child.exitCode === null) process.kill(server, "SIGKILL");
      },
    };
    const event = { tenant_id: "acme", session_id: "s1", event_type: "X", payload: {} };
    const marks = ["the first one", "the second one", "the third one"];
    const bodies = ["", ":batch", ""].map(
      (path, n) => [path, { ...event, payload: { mark: marks[n] } }] as const,
    );
    for (const [path, body] of bodies) {
      const answer = await fetch(`${url}/v1/events${path}`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      expect(answer.status).toBe(201);
    }
    process.kill(server, "SIGTERM");
    expect(await child.exited).toBe(0);
    const lines = readFileSync(trace, "utf8").split("\n");
    const answers = lines.flatMap((line, at) => (line.includes('"HTTP/1.1 201') ? [at] : []));
    expect(answers).toHaveLength(3);
    for (const [n, at] of answers.entries()) {
      const before = lines.slice(0, at);
      // Others are written meanwhile: what sessions add up to.
      const written = before.findIndex(
        (line) => /pwrite64\(.*ledger\.db-wal>/.test(line) && line.includes(marks[n] ?? "none"),
      );
      const flushed = before.findLastIndex((line) =>
        /fdatasync(\(\d+<.*ledger\.db-wal>| resumed>)\) += 0/.test(line),
      );
      expect(written).toBeGreaterThan(0);
      expect(flushed).toBeGreaterThan(written);
    }
  },
  testMs,
);

test.skipIf(strace === null)(
  "a record is flushed before it counts as put, and one that may be later is not waited for (needs strace)",
  async () => {
    const trace = join(tempDir("durable-record"), "trace");
    const calls = "trace=pwrite64,fdatasync,fsync,write";
    const program = [process.execPath, join(repoRoot, "test/fixtures/put-records.ts")];
    const ledger = join(tempDir("durable-record"), "ledger.db");
    const child = Bun.spawn(["strace", "-f", "-y", "-o", trace, "-e", calls, ...program, ledger], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    expect(await child.exited).toBe(0);
    const lines = readFileSync(trace, "utf8").split("\n");
    const between = (from: string, to: string): readonly string[] => {
      const [start, end] = [from, to].map((mark) =>
        lines.findIndex((line) => line.includes(`"${mark}\\n"`)),
      );
      expect(start).toBeGreaterThan(0);
      expect(end).toBeGreaterThan(start ?? 0);
      return lines.slice(start, end);
    };
    const flush = /fdatasync(\(\d+<.*ledger\.db-wal>| resumed>)\) += 0|fsync\(/;
    const write = /pwrite64\(.*ledger\.db-wal>/;
    const now = between("put", "put now");
    const written = now.findLastIndex((line) => write.test(line));
    expect(written).toBeGreaterThan(0);
    expect(now.findLastIndex((line) => flush.test(line))).toBeGreaterThan(written);
    const later = between("put now", "put later");
    expect(later.some((line) => write.test(line))).toBe(true);
    expect(later.filter((line) => flush.test(line))).toEqual([]);
  },
  testMs,
);

testWith(
  ["tool strace", "tool gcc"],
  "an event whose flush fails is refused, sent again it counts once, and all that was acknowledged outlives a power cut",
  async () => {
    const env = cleanEnvironment();
    const folder = tempDir("durable-failing");
    const ledger = join(folder, "ledger.db");
    const disk = traceDisk();
    const flags = ["--ledger", ledger, "--telemetry-disabled"];
    const server = await startServe(env, flags, disk.before);
    const of = ({ url }: ServedProcess, path: string, init: RequestInit = {}) =>
      fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(conditionMs) });
    const post = async (mark: string): Promise<number> => {
      const event = { tenant_id: "acme", session_id: "s", event_type: "X", payload: { mark } };
      const headers = { "Idempotency-Key": mark };
      const init = { method: "POST", headers, body: JSON.stringify(event) };
      const answer = await of(server, "/v1/events", init);
      if (answer.status !== 503) return answer.status;
      expect(await answer.json()).toMatchObject({ code: "ledger_unavailable" });
      return 503;
    };
    expect(await post("first")).toBe(201);
    disk.fail();
    expect(await post("second")).toBe(503);
    expect(await post("second")).toBe(503);
    expect(await post("third")).toBe(503);
    expect((await of(server, "/readyz")).status).toBe(503);
    expect((await of(server, "/healthz")).status).toBe(200);
    disk.mend();
    await waitFor("the ledger to be written again", async () => (await post("second")) !== 503);
    // It was stored, and was there already.
    expect(await post("second")).toBe(200);
    for (const mark of ["third", "fourth"]) expect(await post(mark)).toBe(201);
    process.kill(disk.pid(), "SIGKILL");
    await server.kill("SIGCONT");
    for (const withUnflushed of [false, true]) {
      const cut = disk.afterPowerCut(folder, withUnflushed);
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
      cpSync(cut, folder, { recursive: true });
      const next = await startServe(env, flags);
      const where = "tenant_id=acme";
      const events = await of(next, `/v1/events?session_id=s&${where}`);
      const { Events } = (await events.json()) as { Events: { payload: { mark: string } }[] };
      expect(Events.map(({ payload }) => payload.mark)).toEqual([
        ...["first", "second", "third", "fourth"],
      ]);
      const verified = await of(next, `/v1/sessions/s/verify?${where}`);
      expect(await verified.json()).toMatchObject({ valid: true });
      expect(await next.stop()).toBe(0);
      const { stdout } = await spawnAegis(["audit", "verify", "--ledger", ledger], { env });
      expect(stdout).toMatch(/^Valid: +YES$/m);
    }
  },
);
