// Refusals that need a clock, a limit or a defect to come about; and whether any code is left that
// no test is about.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readHostNames } from "../../../src/app/serve/own-hosts.ts";
import { sha256 } from "../../../src/base/hash.ts";
import { createControlLog } from "../../../src/ledger/control/log.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import { codes } from "../../../src/server/api/codes.ts";
import type { ApiKey } from "../../../src/server/auth.ts";
import { repoRoot } from "../../support/harness.ts";
import { startLocalServer } from "../../support/local-server.ts";

function start(rateLimit = 0, keys: readonly ApiKey[] = []) {
  const log = createControlLog(createMemoryStore("aegis.local/refusals"));
  const clock = { ms: 1_700_000_000_000 };
  const server = startLocalServer({
    log: {
      ...log,
      sessions: () => Promise.reject(new TypeError("a detail of the inside")),
    },
    keys,
    hosts: readHostNames(["aegis.example"]),
    origin: "aegis.local/refusals",
    nowMs: () => clock.ms,
    rateLimit,
  });
  const url = `http://127.0.0.1:${server.port}`;
  const post = (path: string, body: object) =>
    fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
  return { clock, server, url, post };
}

test.each([
  [
    "/v1/events",
    '{"tenant_id":"a","session_id":"s","payload":{"args":[1,1e999]}}',
    "event_invalid",
    "payload.args.1",
  ],
  ["/v1/events", '{"tenant_id":"a","session_id":"s","seq":1e999}', "type_invalid", "seq"],
  [
    "/v1/policy/decide",
    '{"snapshot":{"wall_time_ms":1e999}}',
    "json_invalid",
    "snapshot.wall_time_ms",
  ],
  ["/v1/policy/decide", '{"manifest":{"a":{"b":-1e999}}}', "json_invalid", "manifest.a.b"],
  ["/v1/approvals", '{"args":{"n":1e999}}', "json_invalid", "args.n"],
  [
    "/v1/manifest/validate",
    '{"permissions":{"budgets":{"max_steps":1e999}}}',
    "json_invalid",
    "permissions.budgets.max_steps",
  ],
])("%s is told which number of %s is too large", async (path, text, code, member) => {
  const { server, url } = start();
  const send = async (body: string): Promise<{ readonly error: string; readonly code: string }> =>
    (await (await fetch(`${url}${path}`, { method: "POST", body })).json()) as never;
  const refused = await send(text);
  expect(refused).toMatchObject({ code, error: expect.stringContaining(`"${member}"`) });
  const allowed = await send(text.replace("1e999", "1"));
  expect(allowed.error ?? "").not.toContain(`"${member}"`);
  await server.stop();
});

test("a defect is told of without its details", async () => {
  const { server, url } = start();
  const response = await fetch(`${url}/v1/sessions?tenant_id=acme`);
  expect(response.status).toBe(500);
  const error = "the request could not be answered";
  expect(await response.json()).toEqual({ error, code: "internal" });
  await server.stop();
});

test("an approval is decided in its time, not later", async () => {
  const { clock, server, post } = start();
  const ask = async () => {
    const request = { tenant_id: "acme", session_id: "s", tool_name: "exec" };
    const asked = await post("/v1/approvals", request);
    return ((await asked.json()) as { readonly token: string }).token;
  };
  const [first, second] = [await ask(), await ask()];
  clock.ms += 600_000;
  expect((await post(`/v1/approvals/${first}`, { allow: true })).status).toBe(200);
  clock.ms += 1;
  const late = await post(`/v1/approvals/${second}`, { allow: true });
  expect([late.status, await late.json()]).toEqual([
    410,
    { error: "approval: token expired", code: "approval_expired" },
  ]);
  await server.stop();
});

test("calls beyond the limit are refused for as long as it says", async () => {
  const { clock, server, post } = start(1);
  const event = {
    tenant_id: "acme",
    session_id: "s",
    event_type: "TOOL_CALL_PROPOSED",
    payload: { tool_name: "exec" },
  };
  expect((await post("/v1/events", event)).status).toBe(201);
  const refused = await post("/v1/events", event);
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "60"]);
  expect(await refused.json()).toEqual({ error: "rate limit exceeded", code: "rate_limited" });
  clock.ms += 60_000;
  expect((await post("/v1/events", event)).status).toBe(201);
  await server.stop();
});

const key = { hash: sha256("a-key"), role: "agent", tenant: "acme", name: "bot" } as const;

const settings: readonly (readonly [string, readonly ApiKey[]])[] = [
  ["without keys", []],
  ["with keys", [key]],
];

describe.each(settings)("%s", (_, keys) => {
  test.each([
    ["a page of another origin", { Origin: "https://evil.example" }, "origin_forbidden"],
    ["a page without an origin", { Origin: "null" }, "origin_forbidden"],
    ["a page's picture", { "Sec-Fetch-Site": "cross-site" }, "origin_forbidden"],
    ["a name that was made to point here", { Host: "evil.example" }, "host_forbidden"],
  ])("%s is refused, and our own is not", async (_, headers: Record<string, string>, code) => {
    const { server, url } = start(0, keys);
    const path = `${url}/v1/events?tenant_id=acme`;
    const known = { Authorization: "Bearer a-key" };
    const refused = await fetch(path, { headers: { ...known, ...headers } });
    expect([refused.status, await refused.json()]).toMatchObject([403, { code }]);
    const own = { Host: `localhost:${server.port}`, Origin: `http://localhost:${server.port}` };
    expect((await fetch(path, { headers: { ...known, ...own } })).status).toBe(200);
    const proxied = { Host: "aegis.example", Origin: "https://aegis.example" };
    expect((await fetch(path, { headers: { ...known, ...proxied } })).status).toBe(200);
    await server.stop();
  });
});

test("every code is one that some test meets", () => {
  const tests = [...new Bun.Glob("test/**/*.ts").scanSync({ cwd: repoRoot })];
  const texts = tests.map((path) => readFileSync(`${repoRoot}/${path}`, "utf8")).join("\n");
  // As a text that an answer is compared with; whatever examples show is compared as well.
  const shown = [...new Bun.Glob("src/server/api/*.ts").scanSync({ cwd: repoRoot })]
    .map((path) => readFileSync(`${repoRoot}/${path}`, "utf8"))
    .join("\n");
  const met = (code: string) =>
    texts.includes(`"${code}"`) || new RegExp(`refusal\\(\\s*"${code}"`).test(shown);
  expect(Object.keys(codes).filter((code) => !met(code))).toEqual([]);
});
