// GET /metrics of the built binary: what it counts, who may read it, and that callers cannot make
// it grow.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { sha256Hex } from "../../../src/base/hash.ts";
import { waitFor } from "../../support/harness.ts";
import { type PromSample, readPrometheus } from "../../support/prometheus.ts";
import { linkedPrograms } from "../../support/served.ts";

const linked = linkedPrograms();

async function start(...flags: readonly string[]) {
  const all = ["--dsn", ":memory:", "--addr", "127.0.0.1:0", "--telemetry-disabled", ...flags];
  const server = await linked.start("aegisd", ...all);
  const url = `http://${server.greeting.trim().split(" ").at(-1)}`;
  const scrape = async (headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/metrics`, { headers });
    expect(response.headers.get("Content-Type")).toStartWith("text/plain; version=0.0.4");
    const families = readPrometheus(await response.text());
    return (name: string, labels: PromSample["labels"] = {}): number | undefined => {
      const family = families.get(name.replace(/_(bucket|sum|count)$/, "")) ?? families.get(name);
      const found = family?.samples.find(
        (one) => one.name === name && Bun.deepEquals(one.labels, labels),
      );
      return found?.value;
    };
  };
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(url + path, { method: "POST", body: JSON.stringify(body), headers });
  return { server, url, scrape, post };
}

const event = { tenant_id: "acme", session_id: "s", event_type: "TOOL_CALL_PROPOSED", payload: {} };
const call = {
  event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "read_file" } },
  manifest: { permissions: { tools: ["read_file"] } },
};

test("it counts requests, events, decisions, approvals and streams", async () => {
  const { server, url, scrape, post } = await start("--rate-limit", "1");
  const before = await scrape();
  expect(before("aegis_ledger_events")).toBe(0);
  expect(before("aegis_ledger_head_index")).toBe(-1);
  expect((await post("/v1/events", { ...event, payload: { tool_name: "x" } })).status).toBe(201);
  expect((await post("/v1/events", { ...event, seq: 7 })).status).toBe(409);
  await post("/v1/policy/decide", call);
  await post("/v1/policy/decide", call);
  await post("/v1/approvals", { tenant_id: "acme", session_id: "s", tool_name: "exec" });
  await fetch(`${url}/no/such/path`);
  const client = new AbortController();
  const stream = await fetch(`${url}/v1/events/stream?tenant_id=acme`, { signal: client.signal });
  const after = await scrape();
  const requests = (method: string, route: string, status: string) =>
    after("aegis_http_requests_total", { method, route, status });
  expect(requests("POST", "/v1/events", "201")).toBe(1);
  expect(requests("POST", "/v1/events", "409")).toBe(1);
  expect(requests("GET", "-", "404")).toBe(1);
  expect(after("aegis_http_request_duration_seconds_count", { route: "/v1/events" })).toBe(2);
  expect(after("aegis_events_total", { result: "stored" })).toBeGreaterThanOrEqual(1);
  expect(after("aegis_events_total", { result: "refused" })).toBe(1);
  const decided = (outcome: string, reason: string) =>
    after("aegis_decisions_total", { outcome, reason });
  expect([decided("allow", "OK"), decided("deny", "RATE_LIMITED")]).toEqual([1, 1]);
  expect(after("aegis_decide_duration_seconds_count")).toBe(1);
  expect(after("aegis_approvals_pending")).toBe(1);
  expect(after("aegis_ledger_events")).toBe(2);
  expect(after("aegis_stream_clients")).toBe(1);
  expect(after("process_resident_memory_bytes")).toBeGreaterThan(1e6);
  expect(after("process_open_fds")).toBeGreaterThan(3);
  client.abort();
  await stream.text().catch(() => "ignored: it was aborted");
  await waitFor("the stream to end", async () => (await scrape())("aegis_stream_clients") === 0);
  expect(await server.stop()).toBe(0);
});

test("callers cannot make it grow", async () => {
  const { server, url, scrape, post } = await start();
  for (let at = 0; at < 300; at++) {
    await fetch(`${url}/path/${at}?${at}`, { method: at % 2 === 0 ? "GET" : "PROPFIND" });
    await post("/v1/events", { ...event, tenant_id: `t${at}`, event_type: `T${at}` });
  }
  const read = await scrape();
  expect(read("aegis_http_requests_total", { method: "GET", route: "-", status: "404" })).toBe(150);
  expect(read("aegis_http_requests_total", { method: "other", route: "-", status: "404" })).toBe(
    150,
  );
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text.length).toBeLessThan(20_000);
  expect(text).not.toContain("t299");
  expect(await server.stop()).toBe(0);
});

test("with keys it is for a monitor of every tenant, who may nothing else", async () => {
  const line = (name: string, role: string, tenant: string): string =>
    `${sha256Hex(`${name}-key`)} ${role} ${tenant} ${name}\n`;
  const lines = [
    line("prometheus", "monitor", "*"),
    line("narrow", "monitor", "acme"),
    line("bot", "agent", "*"),
    line("root", "admin", "*"),
  ];
  writeFileSync(`${linked.folder}/keys`, lines.join(""), { mode: 0o600 });
  const { server, url } = await start("--keys", "keys");
  const status = async (path: string, key?: string): Promise<number> => {
    const headers: Record<string, string> = key === undefined ? {} : { "X-API-Key": key };
    return (await fetch(url + path, { headers })).status;
  };
  expect(await status("/metrics", "prometheus-key")).toBe(200);
  expect(await status("/metrics", "root-key")).toBe(200);
  for (const key of [undefined, "wrong"]) expect(await status("/metrics", key)).toBe(401);
  for (const key of ["narrow-key", "bot-key"]) expect(await status("/metrics", key)).toBe(403);
  expect(await status("/v1/events?tenant_id=acme", "prometheus-key")).toBe(403);
  expect(await status("/v1/events?tenant_id=acme", "bot-key")).toBe(200);
  expect(await server.stop()).toBe(0);
});
