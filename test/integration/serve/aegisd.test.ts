// The built binary through its link aegisd.

import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, writeFileSync } from "node:fs";
import { linkedPrograms } from "../../support/served.ts";
import { certificate } from "../../support/tls.ts";

const linked = linkedPrograms();
const file = (name: string, text: string): string => {
  writeFileSync(`${linked.folder}/${name}`, text);
  return name;
};
const manifest = {
  schema: "aegis.dev/manifest/v0.1",
  name: "skill",
  version: "1.0.0",
  publisher: "acme",
  permissions: { tools: ["read_file"] },
};
file("good.json", JSON.stringify(manifest));

const addressOf = (greeting: string): string =>
  /^aegisd listening on (\S+)\n$/.exec(greeting)?.[1] ?? "";

const call = { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "read_file" } };
const event = (tool: string) =>
  JSON.stringify({
    tenant_id: "acme",
    session_id: "s",
    event_type: "TOOL_CALL_PROPOSED",
    payload: { tool_name: tool },
  });

test("the documented file starts it, and every key of it has its effect", async () => {
  const config = file(
    "aegis.yaml",
    [
      "# a control plane",
      'dsn: "file:first.db?mode=rwc&cache=shared&_journal_mode=WAL"',
      'addr: "127.0.0.1:0"',
      'manifest: "good.json"',
      'trust_mode: "dev"',
      "rate_limit: 2",
      "approval_ttl: 90",
      "hosts: [aegis.example, 'proxy.example:8443']",
      "telemetry:",
      "  disabled: true",
      '  path: "/nowhere/traces.ndjson"',
      "log:",
      '  level: "info"',
      '  format: "json"',
      "tls:",
      "  enabled: false",
    ].join("\n"),
  );
  const server = await linked.start("aegisd", "--config", config);
  const url = `http://${addressOf(server.greeting)}`;
  const decide = async () => {
    const body = JSON.stringify({ event: call, snapshot: {} });
    const response = await fetch(`${url}/v1/policy/decide`, { method: "POST", body });
    return [response.status, (await response.json()) as object];
  };
  const allowed = [200, expect.objectContaining({ outcome: "allow", reason: "OK" })];
  expect([await decide(), await decide()]).toEqual([allowed, allowed]);
  expect(await decide()).toEqual([
    200,
    { outcome: "deny", reason: "RATE_LIMITED", constraints: {} },
  ]);
  const send = (body: string, path = "/v1/events") => fetch(url + path, { method: "POST", body });
  const statuses: number[] = [];
  for (const tool of ["a", "a", "a", "b"]) statuses.push((await send(event(tool))).status);
  expect(statuses).toEqual([201, 201, 429, 201]);
  const refused = await send(event("a"));
  expect(Number(refused.headers.get("Retry-After"))).toBeWithin(1, 61);
  expect(await refused.json()).toMatchObject({ code: "rate_limited" });
  const called = async (Host: string) =>
    (await fetch(`${url}/healthz`, { headers: { Host } })).status;
  expect(await called("aegis.example")).toBe(200);
  expect(await called("proxy.example:8443")).toBe(200);
  expect(await called("proxy.example")).toBe(403);
  const request = JSON.stringify({ tenant_id: "acme", session_id: "s", tool_name: "x" });
  const asked = await fetch(`${url}/v1/approvals`, { method: "POST", body: request });
  const { created_ms = 0, expires_ms = 0 } = (await asked.json()) as Record<string, number>;
  expect(expires_ms - created_ms).toBe(90_000);
  const batch = [event("b"), event("b")].join("\n");
  expect((await send(batch, "/v1/events:batch")).status).toBe(429);
  expect((await send(event("b"))).status).toBe(201);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await fetch(`${url}/v1/approvals/a-secret-token?tenant_id=acme`);
  expect(await server.stop()).toBe(0);
  expect(existsSync(`${linked.folder}/first.db`)).toBe(true);
  const lines = server.said().trimEnd().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as Record<string, string>);
  const [unsigned, first] = entries;
  expect(unsigned).toMatchObject({ level: "warn", msg: expect.stringContaining("signature") });
  expect(first).toMatchObject({ level: "info", method: "POST", route: "/v1/policy/decide" });
  expect(entries.filter(({ level }) => level === "warn")).toHaveLength(6);
  expect(entries.map(({ route }) => route)).not.toContain("/healthz");
  expect(server.said()).not.toContain("a-secret-token");
});

test("a socket is listened on as the file says, by a group and by its peers", async () => {
  const [uid, gid] = [process.geteuid?.() ?? -1, process.getegid?.() ?? -1];
  writeFileSync(`${linked.folder}/peers`, `uid:${uid} agent acme bot\n`, { mode: 0o600 });
  const lines = ["listen: unix:daemon.sock", "peers: peers", `listen_group: ${gid}`];
  const config = file("socket.yaml", ["dsn: ':memory:'", ...lines].join("\n"));
  const server = await linked.start("aegisd", "--config", config);
  const path = `${linked.folder}/daemon.sock`;
  expect(server.greeting).toBe(`aegisd listening on unix:${path}\n`);
  expect(lstatSync(path).mode & 0o777).toBe(0o660);
  const status = async (tenant: string) => {
    const to = `http://localhost/v1/sessions?tenant_id=${tenant}`;
    return (await fetch(to, { unix: path })).status;
  };
  expect([await status("acme"), await status("other")]).toEqual([200, 403]);
  expect(await server.stop()).toBe(0);
  expect(existsSync(path)).toBe(false);
});

test("a flag wins over the file, and the file over the default", async () => {
  const config = file("wins.yaml", "dsn: from-file.db\naddr: 256.0.0.1:1\nlog: {level: error}\n");
  const flags = ["--dsn", "from-flag.db", "--addr", ":0", "--rate-limit", "-1"];
  const server = await linked.start("aegisd", "--config", config, ...flags);
  expect((await fetch(`http://${addressOf(server.greeting)}/v1/events`)).status).toBe(400);
  expect(await server.stop()).toBe(0);
  expect(
    ["from-file.db", "from-flag.db"].map((name) => existsSync(`${linked.folder}/${name}`)),
  ).toEqual([false, true]);
  expect(server.said()).toBe("");
});

test("a ledger in memory forgets, and leaves no file", async () => {
  for (const dsn of [":memory:", "file::memory:?cache=shared", "file:x.db?mode=memory"]) {
    const server = await linked.start("aegisd", "--dsn", dsn, "--addr", ":0");
    const url = `http://${addressOf(server.greeting)}`;
    const stored = await fetch(`${url}/v1/events`, { method: "POST", body: event("a") });
    expect(await stored.json()).toMatchObject({ seq: 0 });
    const verified = await fetch(`${url}/v1/sessions/s/verify?tenant_id=acme`);
    expect(await verified.json()).toMatchObject({ valid: true });
    expect(await server.stop()).toBe(0);
    expect(server.said()).toMatch(/^\S+ info POST \/v1\/events 201 \S+ ms\n/);
  }
  expect(existsSync(`${linked.folder}/x.db`)).toBe(false);
  expect(existsSync(`${linked.folder}/:memory:`)).toBe(false);
});

describe("TLS", () => {
  const own = certificate("localhost");
  const stranger = certificate("stranger");
  file("cert.pem", own.cert);
  file("key.pem", own.key);
  const start = (more: string) => {
    const text = `addr: ":0"\ntls:\n  enabled: true\n  cert_file: cert.pem\n  key_file: key.pem\n`;
    return linked.start("aegisd", "--dsn", ":memory:", "--config", file("tls.yaml", text + more));
  };
  const portOf = (greeting: string) => addressOf(greeting).split(":").at(-1);
  const health = async (url: string, tls: object): Promise<number | string> => {
    try {
      return (await fetch(`${url}/healthz`, { tls })).status;
    } catch {
      // ignored: a connection that was refused is what the test may want
      return "refused";
    }
  };

  test("is spoken, and nothing else", async () => {
    const server = await start("");
    const port = portOf(server.greeting);
    expect(await health(`https://localhost:${port}`, { ca: own.cert })).toBe(200);
    expect(await health(`https://localhost:${port}`, {})).toBe("refused");
    expect(await health(`http://localhost:${port}`, {})).toBe("refused");
    const args = ["verify", "--tenant", "a", "--session", "s", "--server"];
    const at = `https://localhost:${port}`;
    const trusted = await linked.run("aegisctl", ...args, at, "--ca-file", "cert.pem");
    expect([trusted.stdout, trusted.exitCode]).toEqual(["OK: chain valid for session s\n", 0]);
    expect((await linked.run("aegisctl", ...args, at)).exitCode).toBe(1);
    expect(await server.stop()).toBe(0);
  });

  test("with ca_file callers without a certificate of its are refused", async () => {
    const server = await start("  ca_file: cert.pem\n");
    const url = `https://localhost:${portOf(server.greeting)}`;
    expect(await health(url, { ca: own.cert, cert: own.cert, key: own.key })).toBe(200);
    expect(await health(url, { ca: own.cert })).toBe("refused");
    const other = { ca: own.cert, cert: stranger.cert, key: stranger.key };
    expect(await health(url, other)).toBe("refused");
    expect(await server.stop()).toBe(0);
  });
});

describe("it does not start with what it would not do", () => {
  file("bad.json", JSON.stringify({ ...manifest, name: "" }));
  const rows: readonly (readonly [string, string, readonly string[], string])[] = [
    ["PostgreSQL for nobody", "", ["--dsn", "postgresql://h"], "invalid dsn: it names no user"],
    ["PostgreSQL in the clear", "dsn: postgres://u@h/d", [], "whether to encrypt"],
    ["another journal", "dsn: file:a.db?_journal_mode=DELETE", [], "_journal_mode=DELETE"],
    ["an unknown parameter", "dsn: file:a.db?vfs=unix-none", [], "vfs=unix-none"],
    ["a ledger to be read alone", "dsn: file:a.db?mode=ro", [], "mode=ro"],
    ["a ledger that has to be there", "dsn: file:a.db?mode=rw", [], '"a.db" is not there'],
    [
      "trust mode prod without an allow-list",
      "trust_mode: prod\nmanifest: good.json",
      [],
      "manifest: prod mode requires an allow-list",
    ],
    ["another trust mode", "trust_mode: none", [], "trust_mode must be one of dev, prod"],
    ["an MCP proxy before nothing", "mcp_addr: ':8081'", [], "invalid mcp_addr"],
    ["an MCP server nobody reaches", "mcp_upstream: 'http://a/'", [], "invalid mcp_upstream"],
    ["requests to no MCP server", "mcp_methods: [x/y]", [], "invalid mcp_methods"],
    [
      "requests of MCP in another spelling",
      "mcp_addr: ':0'\nmcp_upstream: 'http://127.0.0.1:1/'\nmcp_methods: [Tools/Call]",
      [],
      'MCP has "tools/call"',
    ],
    ["traces that are a folder", "telemetry:\n  path: /tmp", [], 'Cannot write traces to "/tmp"'],
    ["TLS without a key", "tls:\n  enabled: true\n  cert_file: c", [], "invalid tls.key_file"],
    ["TLS that nobody switched", "tls:\n  cert_file: c", [], "invalid tls.enabled"],
    ["TLS without its file", "tls: {enabled: true, cert_file: c, key_file: k}", [], "Cannot read"],
    ["a negative rate", "rate_limit: -1", [], "rate_limit must be a whole number"],
    ["a wait without an end", "approval_ttl: 604801", [], "approval_ttl must be a whole number"],
    ["a host that is none", "hosts: ['http://a/']", [], "invalid hosts"],
    ["no wait at all", "", ["--approval-ttl", "0"], '"--approval-ttl"'],
    [
      "requesters that decide, in earnest",
      "trust_mode: prod\napproval_by_requester: true",
      [],
      "invalid approval_by_requester",
    ],
    ["a rate that is none", "", ["--rate-limit", "x"], '"--rate-limit"'],
    ["another level", "log:\n  level: loud", [], "log.level must be one of"],
    ["another format", "log:\n  format: xml", [], "log.format must be one of"],
    ["an unknown key", "adr: x", [], 'adr is not a known key (did you mean "addr"?)'],
    ["an unknown key below", "log:\n  levl: info", [], "log.levl is not a known key"],
    ["a key given twice", "addr: ':0'\naddr: ':1'", [], "addr is given twice"],
    [
      "TLS for a socket alone",
      "listen: unix:s\ntls:\n  enabled: true\n  cert_file: c\n  key_file: k",
      [],
      "invalid tls: the socket",
    ],
    ["peers without a socket", "peers: p", [], "there is no socket"],
    ["a group that is none", "listen: unix:s\nlisten_group: wheel", [], "listen_group"],
    ["no YAML", "a: [", [], "config: parse"],
    ["a list", "- a", [], "must be a table"],
    ["a missing file", "", ["--config", "none.yaml"], "none.yaml"],
    ["a missing manifest", "manifest: none.json", [], "manifest: open "],
    ["an invalid manifest", "manifest: bad.json", [], "manifest: name: required"],
    ["an address for others without keys", "addr: 0.0.0.0:0", [], "without keys"],
    ["an unknown flag", "", ["--no-such-flag"], 'unknown flag "--no-such-flag"'],
  ];
  test.each(rows)("%s", async (_, text, flags, message) => {
    const config = flags.includes("--config") ? [] : ["--config", file("refused.yaml", text)];
    const outcome = await linked.run("aegisd", ...config, ...flags);
    expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
    expect(outcome.stderr).toMatch(/^error: /);
    expect(outcome.stderr).toContain(message);
  });
});
