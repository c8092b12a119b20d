// Replays of sessions of the built binary's control plane, by its API and by aegisctl.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { sealedRecord, withoutSeal } from "../../../src/ledger/control/record-seal.ts";
import { keyFile } from "../../../src/ledger/tree/signer.ts";
import { cleanEnvironment, waitFor } from "../../support/harness.ts";
import { conditionMs, programMs } from "../../support/patience.ts";
import { linkedPrograms, serve, serveAs } from "../../support/served.ts";

const linked = linkedPrograms();
const manifest = { permissions: { tools: ["read_file", "exec"], exec: { allowed_bins: ["ls"] } } };

async function send(url: string, path: string, body: unknown) {
  const response = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const call = (id: string, tool: string, args: object) => ({
  event_type: "TOOL_CALL_PROPOSED",
  payload: { call_id: id, tool_name: tool, args },
});

/** A proposal, its decision and its result. */
async function record(url: string, session: string): Promise<void> {
  const place = { tenant_id: "acme", session_id: session };
  for (const [id, bin] of [
    ["c1", "ls"],
    ["c2", "rm"],
  ] as const) {
    const event = call(id, "exec", { bin });
    expect((await send(url, "/v1/events", { ...place, ...event })).status).toBe(201);
    const decided = await send(url, "/v1/policy/decide", { event, manifest, session: place });
    expect(decided.body.outcome).toBe(bin === "ls" ? "allow" : "deny");
  }
}

test("a session replays exactly, also by a server that did not record it; a step that was changed is named", async () => {
  const ledger = `${linked.folder}/replay.db`;
  const env = cleanEnvironment();
  let server = await serveAs(env, ledger);
  await record(server.url, "s");
  const path = "/v1/sessions/s/replay?tenant_id=acme";
  const exact = { session_id: "s", mode: "exact", steps_replayed: 4, diffs: [], identical: true };
  expect(await (await fetch(server.url + path)).json()).toEqual(exact);
  await server.stop();
  server = await serveAs(env, ledger);
  expect(await (await fetch(server.url + path)).json()).toEqual(exact);

  const flags = ["--tenant", "acme", "--session", "s", "--server", server.url];
  const same = await linked.run("aegisctl", "replay", ...flags);
  expect([JSON.parse(same.stdout), same.exitCode]).toEqual([exact, 0]);

  const db = new Database(ledger);
  // The server may be writing.
  db.run(`PRAGMA busy_timeout = ${conditionMs}`);
  const row = db
    .query<{ key: string; json: string }, []>("SELECT key, json FROM record WHERE kind = 'steps'")
    .get();
  const { origin } = db.query<{ origin: string }, []>("SELECT origin FROM head").get() ?? {};
  // By somebody who has the key: else it would be no record.
  const key = await keyFile(`${env.HOME}/.aegis/keys/ledger.key`, origin ?? "").recordKey();
  const steps = withoutSeal(row?.json ?? "");
  const then = steps.slice(1 + 2 * 64, 1 + 3 * 64);
  const changed = { kind: "steps", key: row?.key ?? "", json: steps.replace(then, "f".repeat(64)) };
  const sealed = sealedRecord(changed, key ?? new Uint8Array());
  db.run("UPDATE record SET json = ? WHERE kind = 'steps'", [sealed]);
  db.close();
  const other = await linked.run("aegisctl", "replay", ...flags);
  expect([JSON.parse(other.stdout), other.exitCode]).toEqual([
    {
      ...exact,
      identical: false,
      diffs: [{ seq: 2, field: "snapshot_hash", recorded: "f".repeat(64), replayed: then }],
    },
    1,
  ]);
  await server.stop();
});

test("a server that is killed leaves no wrong step, and the next one keeps what is missing", async () => {
  const ledger = `${linked.folder}/killed.db`;
  const flags = ["--dsn", ledger, "--addr", ":0"];
  const killed = await linked.start("aegisd", ...flags);
  const url = `http://${killed.greeting.trim().split(" ").at(-1)}`;
  // Sessions have their turns one after the other, some tens in a second.
  const sessions = Array.from({ length: 100 }, (_, at) => `s${at}`);
  const lines = sessions.flatMap((session_id) =>
    ["c0", "c1"].map((id) =>
      JSON.stringify({ tenant_id: "acme", session_id, ...call(id, "read_file", { session_id }) }),
    ),
  );
  const body = `${lines.join("\n")}\n`;
  const stored = await fetch(`${url}/v1/events:batch`, { method: "POST", body });
  killed.signal("SIGKILL");
  expect(stored.status).toBe(201);
  await killed.stop();

  const kept = (): ReadonlyMap<string, string> => {
    using db = new Database(ledger, { readonly: true });
    const sql = "SELECT key, json FROM record WHERE kind = 'steps'";
    const rows = db.query<{ key: string; json: string }, []>(sql).all();
    return new Map(rows.map(({ key, json }) => [key, JSON.parse(withoutSeal(json)) as string]));
  };
  const isWhole = (page: string): boolean => page.length === 2 * 64;
  const before = kept();
  expect([...before.values()].filter(isWhole).length).toBeLessThan(sessions.length);
  const next = await linked.start("aegisd", ...flags);
  const isDone = () => [...kept().values()].filter(isWhole).length === sessions.length;
  await waitFor("all steps", isDone, programMs);
  const after = kept();
  for (const [key, page] of before) expect(after.get(key)?.startsWith(page)).toBeTrue();
  const address = `http://${next.greeting.trim().split(" ").at(-1)}`;
  for (const session of ["s0", "s99"]) {
    const answer = await fetch(`${address}/v1/sessions/${session}/replay?tenant_id=acme`);
    const exact = { mode: "exact", steps_replayed: 2, diffs: [], identical: true };
    expect(await answer.json()).toEqual({ session_id: session, ...exact });
  }
  expect(await next.stop()).toBe(0);
});

test("a live replay decides again: the same by the same manifest, and names what another one decides", async () => {
  const server = await serve(`${linked.folder}/live.db`);
  await record(server.url, "s");
  const replay = (changes: object) =>
    send(server.url, "/v1/sessions/s/replay", { tenant_id: "acme", mode: "live", ...changes });
  const report = { session_id: "s", mode: "live", steps_replayed: 4 };
  expect(await replay({ manifest })).toEqual({
    status: 200,
    body: { ...report, diffs: [], identical: true },
  });
  const wider = structuredClone(manifest);
  wider.permissions.exec.allowed_bins.push("rm");
  expect((await replay({ manifest: wider })).body).toEqual({
    ...report,
    diffs: [
      {
        seq: 3,
        field: "policy_decision",
        recorded: '{"constraints":{},"outcome":"deny","reason":"EXEC_DENY"}',
        replayed: expect.stringContaining('"outcome":"allow","reason":"OK"'),
      },
    ],
    identical: false,
  });
  const unnamed = await replay({});
  expect(unnamed.body.diffs).toHaveLength(2);
  const path = "/v1/sessions/none/replay?tenant_id=acme&mode=live";
  expect(await (await fetch(server.url + path)).json()).toEqual({
    ...report,
    session_id: "none",
    steps_replayed: 0,
    diffs: [],
    identical: true,
  });
  expect((await replay({ mode: "other" })).status).toBe(400);
  await server.stop();
});
