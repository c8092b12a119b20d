// The control plane of the built binary, as its clients see it.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { sha256Hex } from "../../../src/base/hash.ts";
import { aegisBinary } from "../../support/harness.ts";
import { startServe } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";
import { anEvent, textStream } from "../../support/text-stream.ts";

/** Whatever an answer holds; what it should hold is what the tests say. */
type Answer = { readonly [name: string]: Answer } & string & readonly Answer[];

/** On the ledger of the user whose home that is. */
async function serve(home: string, ...flags: string[]) {
  const env = { HOME: home, PATH: process.env.PATH ?? "" };
  const { url, stop } = await startServe(env, flags);
  return {
    url,
    async stop() {
      expect(await stop()).toBe(0);
    },
  };
}

const server = await serve(tempDir("serve"));
afterAll(() => server.stop());

/** The answer whole, for `toEqual`. */
const whole = (answer: { status: number; body: Answer }): object => answer;

async function get(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path}`, { headers });
  return { status: response.status, body: (await response.json()) as Answer };
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${server.url}${path}`, { method: "POST", body: text, headers });
  return { status: response.status, body: (await response.json()) as Answer };
}

function event(session: string, changes: object = {}) {
  return {
    tenant_id: "acme",
    session_id: session,
    ts_unix_ms: 1_700_000_000_000,
    event_type: "TOOL_CALL_PROPOSED",
    payload: { tool_name: "read_file", call_id: "c1", args: { path: "/workspace/data.csv" } },
    ...changes,
  };
}

describe("what the documents show", () => {
  test("health and readiness", async () => {
    expect(whole(await get("/healthz"))).toEqual({ status: 200, body: { status: "ok" } });
    expect(whole(await get("/readyz"))).toEqual({ status: 200, body: { status: "ok" } });
  });

  test("an event is sealed, and its hash is the one that other implementations give", async () => {
    const hash = "bc543d8d4cf615604cc26132d67305edcfc99e5cc0cfb2fdad77499785c51f8d";
    const sent = { ...event("sess-001"), seq: 0 };
    expect(whole(await post("/v1/events", sent))).toEqual({ status: 201, body: { seq: 0, hash } });
    expect(whole(await post("/v1/events", sent))).toEqual({ status: 200, body: { seq: 0, hash } });
    const next = { ...event("sess-001"), seq: 1, prev_hash: hash, event_type: "TOOL_RESULT" };
    expect((await post("/v1/events", next)).status).toBe(201);
    const listed = await get("/v1/events?tenant_id=acme&session_id=sess-001");
    expect(listed.body).toMatchObject({
      Events: [
        { tenant_id: "acme", session_id: "sess-001", seq: 0, hash, prev_hash: "" },
        { seq: 1, prev_hash: hash, event_type: "TOOL_RESULT" },
      ],
      NextToken: "",
    });
    expect(whole(await get("/v1/sessions/sess-001/verify?tenant_id=acme"))).toEqual({
      status: 200,
      body: { valid: true, first_bad_seq: 0, error: "" },
    });
    expect((await get("/v1/sessions/sess-001/snapshot?tenant_id=acme")).body).toMatchObject({
      steps_consumed: 2,
      tool_calls_consumed: 1,
      is_tainted: true,
      sanitized_keys: [],
      loop_violation: "",
    });
  });

  test("a decision with the caller's own snapshot", async () => {
    const asked = {
      event: {
        event_type: "TOOL_CALL_PROPOSED",
        payload: { tool_name: "read_file", call_id: "c1", args: {} },
      },
      snapshot: { steps_consumed: 3, tool_calls_consumed: 2, wall_time_ms: 5000 },
      manifest: { permissions: { tools: ["read_file"] } },
    };
    const constraints = { max_output_bytes: 1_048_576, timeout_ms: 30_000 };
    expect(whole(await post("/v1/policy/decide", asked))).toEqual({
      status: 200,
      body: { outcome: "allow", reason: "OK", constraints },
    });
    expect(whole(await post("/v1/policy/decide", { ...asked, manifest: undefined }))).toEqual({
      status: 200,
      body: { outcome: "deny", reason: "PERMISSION_UNDECLARED", constraints: {} },
    });
  });
});

test("a decision about a session sees its live state and is recorded", async () => {
  for (const at of [0, 1]) {
    const payload = { tool_name: "search", call_id: `c${at}`, args: { q: "same" } };
    expect((await post("/v1/events", event("live", { payload }))).status).toBe(201);
  }
  const asked = {
    event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "search", call_id: "c1" } },
    // Its events are years old.
    manifest: { permissions: { tools: ["search"], budgets: { max_wall_time_ms: 1e15 } } },
    session: { tenant_id: "acme", session_id: "live" },
  };
  const answered = await post("/v1/policy/decide", asked);
  expect(answered.body).toMatchObject({ outcome: "deny", reason: "LOOP_DETECTED" });
  const events = await get("/v1/events?tenant_id=acme&session_id=live&event_type=POLICY_DECISION");
  expect(events.body.Events).toMatchObject([
    { seq: 2, payload: { outcome: "deny", reason_codes: ["LOOP_DETECTED"], call_id: "c1" } },
  ]);
});

test("clients of the reference daemon get its own form when they ask for it", async () => {
  await post("/v1/events", event("legacy"));
  const headers = { Accept: "application/vnd.aegis.v0+json" };
  const { body } = await get("/v1/events?tenant_id=acme&session_id=legacy", headers);
  expect(body.Events).toMatchObject([{ TenantID: "acme", Seq: 0, PrevHash: null }]);
  expect(JSON.parse(atob(body.Events?.[0]?.PayloadJSON ?? ""))).toMatchObject({
    tool_name: "read_file",
  });
  const none = await get("/v1/events?tenant_id=acme&session_id=none", headers);
  expect<object>(none.body).toEqual({ Events: null, NextToken: "" });
});

test("a batch answers line by line", async () => {
  const lines = [event("batch"), event("batch"), { ...event("batch"), seq: 9 }];
  const response = await fetch(`${server.url}/v1/events:batch`, {
    method: "POST",
    body: lines.map((line) => JSON.stringify(line)).join("\n"),
  });
  expect(response.status).toBe(207);
  const answers = (await response.text())
    .trimEnd()
    .split("\n")
    .map((one) => JSON.parse(one));
  expect(answers).toMatchObject([
    { status: "stored", seq: 0 },
    { status: "stored", seq: 1 },
    { status: "refused", code: "chain_conflict", expected_seq: 2 },
  ]);
});

test("a batch that is sent again under its key is stored once", async () => {
  const body = [event("keyed"), event("keyed")].map((line) => JSON.stringify(line)).join("\n");
  const send = async (key: string): Promise<unknown[]> => {
    const headers = { "Idempotency-Key": key };
    const response = await fetch(`${server.url}/v1/events:batch`, {
      method: "POST",
      body,
      headers,
    });
    return (await response.text())
      .trimEnd()
      .split("\n")
      .map((one) => JSON.parse(one).status);
  };
  expect(await send("b1")).toEqual(["stored", "stored"]);
  expect(await send('"b1"')).toEqual(["repeated", "repeated"]);
  expect(await send("b2")).toEqual(["stored", "stored"]);
});

test("pages follow each other without a gap", async () => {
  for (let at = 0; at < 7; at++) await post("/v1/events", event("pages"));
  const seen: number[] = [];
  for (let token = ""; ; ) {
    const path = `/v1/events?tenant_id=acme&session_id=pages&limit=3&page_token=${token}`;
    const { body } = await get(path);
    seen.push(...(body.Events ?? []).map(({ seq }) => Number(seq)));
    token = body.NextToken ?? "";
    if (token === "") break;
  }
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

describe("bad input is refused", () => {
  const sound = event("bad");
  const rows: readonly (readonly [string, unknown, number, string])[] = [
    ["nothing", "", 400, "json_invalid"],
    ["no JSON", "{", 400, "json_invalid"],
    ["a name given twice", '{"tenant_id":"a","tenant_id":"b"}', 400, "json_invalid"],
    ["half a character", '{"tenant_id":"\\ud800"}', 400, "json_invalid"],
    ["deep nesting", `${"[".repeat(100)}${"]".repeat(100)}`, 400, "json_invalid"],
    ["a list", "[]", 400, "json_invalid"],
    ["no tenant", { session_id: "s" }, 400, "member_missing"],
    ["a tenant of another type", { ...sound, tenant_id: 5 }, 400, "type_invalid"],
    ["a negative number", { ...sound, seq: -1 }, 400, "type_invalid"],
    ["a fraction", { ...sound, seq: 1.5 }, 400, "type_invalid"],
    [
      "a number too large",
      `{"tenant_id":"a","session_id":"b","seq":18446744073709551615}`,
      400,
      "type_invalid",
    ],
    [
      "a payload too large for a number",
      `{"tenant_id":"a","session_id":"b","payload":1e999}`,
      400,
      "event_invalid",
    ],
    ["a hash that is none", { ...sound, hash: "zz" }, 400, "hash_invalid"],
    ["a forged hash", { ...sound, seq: 0, hash: "0".repeat(64) }, 400, "hash_mismatch"],
    ["a gap", { ...sound, seq: 7 }, 409, "chain_conflict"],
    [
      "a predecessor of the first",
      { ...sound, seq: 0, prev_hash: "0".repeat(64) },
      400,
      "first_has_prev",
    ],
    ["this machine's tenant", { ...sound, tenant_id: "local" }, 403, "tenant_reserved"],
  ];
  test.each(rows)("%s", async (_, body, status, code) => {
    const answer = await post("/v1/events", body);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(typeof answer.body.error).toBe("string");
  });

  test.each([
    ["an unknown path", "GET", "/nothing", 404],
    ["a known path with another method", "POST", "/v1/sessions", 405],
    ["a list without a tenant", "GET", "/v1/events", 400],
    ["a limit of nothing", "GET", "/v1/events?tenant_id=a&limit=0", 400],
    ["a session nobody knows", "GET", "/v1/sessions/none/snapshot?tenant_id=a", 404],
  ])("%s", async (_, method, path, status) => {
    const response = await fetch(`${server.url}${path}`, { method });
    expect(response.status).toBe(status);
  });

  test.each([
    ["a page of another origin", { Origin: "https://evil.example" }],
    ["a name that was made to point here", { Host: "evil.example" }],
  ])("%s", async (_, headers) => {
    const answer = await get("/v1/sessions?tenant_id=a", headers as Record<string, string>);
    expect(answer.status).toBe(403);
  });
});

test("an approval is asked for, decided once, and recorded", async () => {
  const asked = await post("/v1/approvals", {
    tenant_id: "acme",
    session_id: "appr",
    tool_name: "write_file",
    args: { path: "/a" },
  });
  expect(asked.status).toBe(201);
  const { token } = asked.body;
  const path = `/v1/approvals/${token}?tenant_id=acme`;
  expect((await get(path)).body).toMatchObject({ status: "PENDING", tool_name: "write_file" });
  expect((await get("/v1/approvals?tenant_id=acme")).body.approvals).toHaveLength(1);
  const decided = await post(path, { allow: true, edited_args: { path: "/b" }, approver: "alice" });
  expect(decided.body).toMatchObject({
    status: "ALLOWED",
    final_args: { path: "/b" },
    decided_by: "alice",
    diff: [{ key: "path", op: "change", before: "/a", after: "/b" }],
  });
  expect((await post(path, { allow: false })).status).toBe(409);
  expect((await get("/v1/approvals?tenant_id=acme")).body.approvals).toHaveLength(0);
  const events = await get("/v1/events?tenant_id=acme&session_id=appr");
  const types = events.body.Events?.map(({ event_type }) => String(event_type));
  expect(types).toEqual(["APPROVAL_REQUESTED", "APPROVAL_DECIDED"]);
  expect(JSON.stringify(events.body)).not.toContain(token);
});

test("a tail, too, has the members of the reference daemon for whoever asks for them", async () => {
  const headers = { Accept: "text/event-stream, application/vnd.aegis.v0+json" };
  const path = "/v1/events/stream?tenant_id=acme&session_id=legacy-tail";
  const tail = textStream(await fetch(`${server.url}${path}`, { headers }));
  await post("/v1/events", event("legacy-tail"));
  const text = await tail.until(anEvent);
  await tail.cancel();
  const data = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? "");
  expect(data).toMatchObject({
    TenantID: "acme",
    SessionID: "legacy-tail",
    Seq: 0,
    PrevHash: null,
  });
});

test("a tail tells events as they come", async () => {
  const path = "/v1/events/stream?tenant_id=acme&session_id=tail";
  const tail = textStream(await fetch(`${server.url}${path}`));
  await post("/v1/events", event("other"));
  await post("/v1/events", event("tail"));
  const text = await tail.until(anEvent);
  await tail.cancel();
  expect(text).toContain("event: event");
  expect(text).toContain('"session_id":"tail"');
  expect(text).not.toContain('"session_id":"other"');
});

test("keys keep strangers, other tenants and agents' approvals out", async () => {
  const place = tempDir("keys");
  const file = `${place}/keys`;
  const line = (key: string, role: string, tenant: string, name: string) =>
    `${sha256Hex(key)} ${role} ${tenant} ${name}\n`;
  const agent = line("agent-key", "agent", "acme", "bot");
  const approver = line("approver-key", "approver", "acme", "alice");
  writeFileSync(file, `# keys\n${agent}${approver}`);
  chmodSync(file, 0o600);
  const guarded = await serve(place, "--keys", file);
  const call = (path: string, key: string | undefined, body?: object) =>
    fetch(`${guarded.url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: key === undefined ? {} : { Authorization: `Bearer ${key}` },
    });
  const events = "/v1/events?tenant_id=acme";
  expect((await call("/healthz", undefined)).status).toBe(200);
  expect((await call(events, undefined)).status).toBe(401);
  expect((await call(events, "wrong")).status).toBe(401);
  expect((await call(events, "agent-key")).status).toBe(200);
  expect((await call("/v1/events?tenant_id=other", "agent-key")).status).toBe(403);
  const foreign = { ...event("s"), tenant_id: "other" };
  expect((await call("/v1/events", "agent-key", foreign)).status).toBe(403);
  expect((await call("/v1/events", "agent-key", event("s"))).status).toBe(201);
  const request = { tenant_id: "acme", session_id: "s", tool_name: "exec" };
  const asked = (await (await call("/v1/approvals", "agent-key", request)).json()) as Answer;
  const path = `/v1/approvals/${asked.token}?tenant_id=acme`;
  expect((await call(path, "agent-key", { allow: true })).status).toBe(403);
  const decided = await call(path, "approver-key", { allow: true });
  expect(await decided.json()).toMatchObject({ status: "ALLOWED", decided_by: "alice" });
  await guarded.stop();
});

test("what was stored is there after a restart, and verifies with the machine's own events", async () => {
  const place = tempDir("again");
  const first = await serve(place);
  const send = (url: string) =>
    fetch(`${url}/v1/events`, { method: "POST", body: JSON.stringify(event("kept")) });
  expect((await send(first.url)).status).toBe(201);
  await first.stop();
  const second = await serve(place);
  expect(await (await send(second.url)).json()).toMatchObject({ seq: 1 });
  await second.stop();
  const verify = Bun.spawnSync([aegisBinary(), "audit", "verify", "--json"], {
    env: { HOME: place, PATH: process.env.PATH ?? "" },
  });
  expect(JSON.parse(verify.stdout.toString())).toMatchObject({ valid: true });
});
