// Approvals as the people who decide meet them: from the list, at another server, and after
// somebody wrote to the database.

import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { askApproval } from "../../../src/app/serve/approval-requests.ts";
import { prepareServe } from "../../../src/app/serve/serve.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { sha256Hex } from "../../../src/base/hash.ts";
import type { AbsPath } from "../../../src/base/paths.ts";
import { cleanEnvironment, waitFor } from "../../support/harness.ts";
import { linkedPrograms, serve, serveAs } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";

const ledger = `${tempDir("approvals")}/ledger.db`;
const env = cleanEnvironment();
const server = await serveAs(env, ledger);
afterAll(() => server.stop());

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever a server answers is looked at by tests
  readonly body: any;
}

async function ask(path: string, body?: object, url = server.url): Promise<Answer> {
  const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`${url}${path}`, sent);
  return { status: response.status, body: await response.json() };
}

async function wanted(session: string): Promise<{ token: string; token_hash: string }> {
  const call = { tool_name: "write_file", args: { path: "/a" } };
  const asked = await ask("/v1/approvals", { tenant_id: "acme", session_id: session, ...call });
  expect(asked.status).toBe(201);
  return asked.body;
}

function writePrivate(path: string, text: string): string {
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** What monitoring is told. */
async function waitingCount(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^aegis_approvals_pending (\d+)$/m.exec(text)?.[1]);
}

const list = "/v1/approvals?tenant_id=acme";

test("whoever lost the message decides from the list", async () => {
  const { token_hash } = await wanted("list");
  const { body } = await ask(list);
  expect(body.approvals.map((one: { token_hash: string }) => one.token_hash)).toEqual([token_hash]);
  const decided = await ask(`/v1/approvals/${token_hash}?tenant_id=acme`, { allow: true });
  expect(decided).toMatchObject({ status: 200, body: { status: "ALLOWED" } });
});

test("what was decided, by whom and why is told afterwards, and is in the ledger", async () => {
  const { token } = await wanted("told");
  const path = `/v1/approvals/${token}`;
  const edited = {
    allow: true,
    edited_args: { path: "/b" },
    message: "not there",
    approver: "alice",
  };
  const decided = await ask(path, edited);
  const diff = [{ key: "path", op: "change", before: "/a", after: "/b" }];
  const said = { decided_by: "alice", message: "not there", diff };
  expect(decided).toMatchObject({ status: 200, body: { ...said, status: "ALLOWED" } });
  expect(await ask(path)).toEqual(decided);
  const events = await ask("/v1/events?tenant_id=acme&event_type=APPROVAL_DECIDED&session_id=told");
  expect(events.body.Events[0].payload).toMatchObject({ ...said, approved: true });
});

test("arguments are asked about and decided with as they are, whatever their members are called", async () => {
  const send = async (path: string, text: string) => {
    const response = await fetch(`${server.url}${path}`, { method: "POST", body: text });
    return { status: response.status, text: await response.text() };
  };
  const call = '"tenant_id":"acme","session_id":"names","tool_name":"write_file"';
  const args = '{"__proto__":{"path":"/etc"},"path":"/a"}';
  const asked = await send("/v1/approvals", `{${call},"args":${args}}`);
  expect(asked.text).toContain(`"orig_args":${args}`);
  const edited = '{"__proto__":1,"path":"/a","toString":"x"}';
  const { token } = JSON.parse(asked.text);
  const path = `/v1/approvals/${token}?tenant_id=acme`;
  const decided = await send(path, `{"allow":true,"edited_args":${edited}}`);
  expect(decided).toMatchObject({ status: 200 });
  expect(decided.text).toContain(`"final_args":${edited}`);
  expect(JSON.parse(decided.text).diff).toEqual([
    { key: "__proto__", op: "change", before: { path: "/etc" }, after: 1 },
    { key: "toString", op: "add", after: "x" },
  ]);
});

test("a number that no double holds is neither asked about nor decided with", async () => {
  const send = async (path: string, body: string): Promise<Answer> => {
    const response = await fetch(`${server.url}${path}`, { method: "POST", body });
    return { status: response.status, body: await response.json() };
  };
  const asking = (id: string) =>
    `{"tenant_id":"acme","session_id":"exact","tool_name":"pay","args":{"id":${id}}}`;
  const decision = (id: string) => `{"allow":true,"edited_args":{"id":${id}}}`;
  const [inexact, exact] = ["9007199254740993", "9007199254740992"];
  const why = expect.stringContaining(`${inexact} of "`);
  const refused = { status: 422, body: { code: "number_inexact", error: why } };
  expect(await send("/v1/approvals", asking(inexact))).toMatchObject(refused);
  const { status, body } = await send("/v1/approvals", asking(exact));
  expect([status, body.orig_args]).toEqual([201, { id: Number(exact) }]);
  const path = `/v1/approvals/${body.token}`;
  expect(await send(path, decision(inexact))).toMatchObject(refused);
  expect((await ask(path)).body.status).toBe("PENDING");
  expect((await send(path, decision(exact))).status).toBe(200);
});

test("a request that nobody decides in time expires, and says so", async () => {
  const short = await serve(`${tempDir("short")}/ledger.db`, "--approval-ttl", "1");
  const request = { tenant_id: "acme", session_id: "short", tool_name: "exec" };
  const { body } = await ask("/v1/approvals", request, short.url);
  expect(body.expires_ms - body.created_ms).toBe(1000);
  const path = `/v1/approvals/${body.token}`;
  const status = async (): Promise<string> => (await ask(path, undefined, short.url)).body.status;
  await waitFor("the request to expire", async () => (await status()) !== "PENDING");
  expect(await status()).toBe("EXPIRED");
  expect((await ask(list, undefined, short.url)).body.approvals).toEqual([]);
  const late = await ask(path, { allow: true }, short.url);
  expect(late).toMatchObject({ status: 410, body: { code: "approval_expired" } });
  await short.stop();
});

test("one that nothing can come of any more is kept for as long as aegis.yaml says", async () => {
  const home = tempDir("kept-home");
  const linked = linkedPrograms({ AEGIS_HOME: home });
  const [ledger, config] = [`${linked.folder}/ledger.db`, `${linked.folder}/aegis.yaml`];
  const around = { environment: { AEGIS_HOME: home }, directory: linked.folder as AbsPath };
  const telemetry = { isDisabled: true, path: undefined };
  const places = { address: undefined, ledger, manifest: undefined, keys: undefined, telemetry };
  const askedBefore = async (days: number): Promise<string> => {
    const nowUnixMs = () => Date.now() - days * 24 * 3600 * 1000;
    const parts = await prepareServe(places, { ...around, clock: { ...systemClock, nowUnixMs } });
    const asked = await askApproval(parts, { tenant: "a", session: "s", tool: "exec", args: {} });
    await parts.close();
    if (!asked.ok) throw new Error(asked.error.message);
    return asked.value.token;
  };
  const token = await askedBefore(60);
  const serves = async (wanted: number, yaml: string, ...flags: string[]): Promise<void> => {
    const oldest = await askedBefore(4000);
    writeFileSync(config, `addr: "127.0.0.1:0"\ndsn: ${ledger}\n${yaml}`);
    const daemon = await linked.start("aegisd", "--config", config, ...flags);
    const url = `http://${/listening on (\S+)/.exec(daemon.greeting)?.[1]}/v1/approvals`;
    const statusOf = async (one: string) => (await fetch(`${url}/${one}`)).status;
    // All of them are looked at before the first of them goes.
    await waitFor("the oldest to go", async () => (await statusOf(oldest)) === 404);
    await waitFor(`${wanted}`, async () => (await statusOf(token)) === wanted);
    expect(await daemon.stop()).toBe(0);
  };
  await serves(200, "approval_keep: 61");
  await serves(200, "approval_keep: 0", "--approval-keep", "61");
  await serves(404, "");
});

describe("with keys", () => {
  const folder = tempDir("approval-keys");
  const lines = ["admin carol", "approver alice", "approver bob", "agent bot"].map((text) => {
    const [role, name] = text.split(" ");
    return `${sha256Hex(`${name}-key`)} ${role} * ${name}\n`;
  });
  const keys = writePrivate(`${folder}/keys`, lines.join(""));

  async function decide(by: string, asker: string, ...flags: string[]): Promise<Answer> {
    const guarded = await serve(`${tempDir("asked")}/ledger.db`, "--keys", keys, ...flags);
    const send = async (name: string, path: string, body: object): Promise<Answer> => {
      const headers = { Authorization: `Bearer ${name}-key` };
      const sent = { method: "POST", body: JSON.stringify(body), headers };
      const response = await fetch(`${guarded.url}${path}`, sent);
      return { status: response.status, body: await response.json() };
    };
    const request = { tenant_id: "acme", session_id: "s", tool_name: "exec" };
    const asked = await send(asker, "/v1/approvals", request);
    expect(asked.body).toMatchObject({ requested_by: asker });
    const decided = await send(by, `/v1/approvals/${asked.body.token}`, { allow: true });
    await guarded.stop();
    return decided;
  }

  test.each([
    ["an agent asked and an approver decides", "alice", "bot", []],
    ["one approver asked and another one decides", "bob", "alice", []],
    ["who asked decides, where that was wanted", "alice", "alice", ["--approval-by-requester"]],
  ])("%s", async (_, by, asker, flags) => {
    const decided = await decide(by, asker, ...flags);
    expect(decided).toMatchObject({ status: 200, body: { decided_by: by, requested_by: asker } });
  });

  test.each([
    ["an approver", "alice", "approval_own_request"],
    ["an admin", "carol", "approval_own_request"],
    ["an agent", "bot", "role_forbidden"],
  ])("%s does not decide about what it asked for itself", async (_, name, code) => {
    expect(await decide(name, name)).toMatchObject({ status: 403, body: { code } });
  });
});

test.each([
  ["other arguments", "$.orig_args.path", "/b"],
  ["an answer", "$.status", "ALLOWED"],
  ["more time", "$.expires_ms", 9_000_000_000_000],
])("a record that was given %s in the database is none", async (name, member, value) => {
  const { token } = await wanted(name);
  const path = `/v1/approvals/${token}?tenant_id=acme`;
  expect(await ask(path)).toMatchObject({ status: 200, body: { status: "PENDING" } });
  using database = new Database(ledger);
  // What is sealed stands behind the seal.
  const [seal, json] = ["substr(json, 1, 60)", "substr(json, 61)"];
  const change =
    `UPDATE record SET json = ${seal} || json_set(${json}, ?, ?) ` +
    `WHERE kind = 'approval' AND ${json} ->> '$.session_id' = ?`;
  expect(database.query(change).run(member, value, name).changes).toBe(1);
  expect(await ask(path)).toMatchObject({ status: 404, body: { code: "approval_not_found" } });
  expect((await ask(path, { allow: true })).status).toBe(404);
  expect((await ask(list)).body.approvals).toEqual([]);
  expect(await waitingCount()).toBe(0);
});

test.each([
  ["no JSON", "{"],
  ["no object", "null"],
  ["half a character", String.raw`{"seal":"\ud800","tool_name":"\ud800"}`],
])("a record that became %s in the database is none, and hides no other", async (name, json) => {
  const [broken, whole] = [await wanted(name), await wanted(`beside ${name}`)];
  const waiting = async (): Promise<string[]> =>
    (await ask(list)).body.approvals.map((one: { token_hash: string }) => one.token_hash);
  expect((await waiting()).sort()).toEqual([broken.token_hash, whole.token_hash].sort());
  using database = new Database(ledger);
  const change = "UPDATE record SET json = ? WHERE kind = 'approval' AND key LIKE '%' || ?";
  expect(database.query(change).run(json, broken.token_hash).changes).toBe(1);
  expect(await waiting()).toEqual([whole.token_hash]);
  expect((await ask(`/v1/approvals/${broken.token}?tenant_id=acme`)).status).toBe(404);
  const another = await wanted(`counted beside ${name}`);
  expect(await waitingCount()).toBe(2);
  for (const { token } of [whole, another]) {
    const decided = await ask(`/v1/approvals/${token}`, { allow: false });
    expect(decided).toMatchObject({ status: 200 });
  }
});

test("a server with another secret takes no token of this one, and one with the same does", async () => {
  const { token } = await wanted("elsewhere");
  const path = `/v1/approvals/${token}?tenant_id=acme`;
  const other = tempDir("other-home");
  // The ledger's key, without which no server would have it, and a secret of its own.
  mkdirSync(`${other}/keys`, { mode: 0o700 });
  copyFileSync(`${env.HOME}/.aegis/keys/ledger.key`, `${other}/keys/ledger.key`);
  const programs = linkedPrograms({ AEGIS_HOME: other });
  const stranger = await programs.start("aegisd", "--addr", ":0", "--dsn", ledger);
  const address = /listening on (\S+)/.exec(stranger.greeting)?.[1];
  expect((await ask(path, { allow: true }, `http://${address}`)).status).toBe(404);
  await stranger.stop();
  expect(await ask(path, { allow: false })).toMatchObject({ body: { status: "DENIED" } });
});
