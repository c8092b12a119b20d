// `aegis conformance run` of the built binary against `aegis serve`, and against servers that are
// wrong in one way each.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../../../src/base/hash.ts";
import { cleanEnvironment, spawnAegis } from "../../support/harness.ts";
import { linkedPrograms, type ServedProcess, startServe } from "../../support/served.ts";
import { tempDir } from "../../support/temp.ts";
import { certificate } from "../../support/tls.ts";

const running: ServedProcess[] = [];
afterAll(async () => {
  for (const server of running) expect(await server.stop()).toBe(0);
});

/** On its user's own ledger. */
async function serve(...flags: string[]): Promise<string> {
  const server = await startServe(cleanEnvironment(), flags);
  running.push(server);
  return server.url;
}

const run = (...args: string[]) => spawnAegis(["conformance", "run", ...args]);

test("aegis serve meets every pack", async () => {
  const url = await serve();
  const { stdout, exitCode } = await run("--server", `${url}/`, "--json");
  const reports = JSON.parse(stdout);
  expect(reports).toMatchObject([
    { pack: "baseline-safety", total_tests: 5, passed: 5 },
    { pack: "prompt-injection", total_tests: 3, passed: 3 },
    { pack: "path-traversal", total_tests: 3, passed: 3 },
    { pack: "telemetry-no-egress", total_tests: 2, passed: 2 },
    { pack: "replay-determinism", total_tests: 3, passed: 3 },
    { pack: "handoff-correctness", total_tests: 3, passed: 3 },
  ]);
  for (const report of reports) {
    const whole = { compliant: true, failed: 0, skipped: 0, violated_reqs: [], aegisd_addr: url };
    expect(report).toMatchObject(whole);
  }
  expect(exitCode).toBe(0);
  const one = await run("prompt-injection", "--server", url, "--json");
  const { run_at, ...report } = JSON.parse(one.stdout);
  expect(new Date(run_at).toISOString()).toBe(run_at);
  expect(report.results[2]).toEqual({
    id: "PI-003",
    pack: "prompt-injection",
    req_id: "TI-003",
    description: "Without a list of programs none may be run, taint or not.",
    status: "PASS",
    outcome: "deny",
    reason: "EXEC_DENY",
    expected: { outcome: "deny", reason: "EXEC_DENY" },
    evidence: { outcome: "deny", reason: "EXEC_DENY" },
  });
  const spoken = await run("--server", url);
  expect([spoken.exitCode, spoken.stderr]).toEqual([0, ""]);
  expect(spoken.stdout).toContain("baseline-safety: compliant, 5 of 5 passed\n  PASS  BS-001  ");
  expect(spoken.stdout).toContain("badge/aegis%20baseline--safety-compliant-brightgreen");
});

test("a key comes from the environment alone, and is needed where the server has keys", async () => {
  const keys = join(tempDir("keys"), "keys");
  writeFileSync(keys, `${sha256Hex("secret")} agent acme bot\n`);
  chmodSync(keys, 0o600);
  const url = await serve("--keys", keys);
  const asked = ["conformance", "run", "baseline-safety", "--server", url];
  const env = { OUR_KEY: "secret" };
  const known = await spawnAegis([...asked, "--key-env", "OUR_KEY"], { env });
  expect([known.exitCode, known.stderr]).toEqual([0, ""]);
  const stranger = await spawnAegis(asked, { env });
  expect(stranger.exitCode).toBe(1);
  expect(stranger.stdout).toContain("http: status 401");
  const unset = await spawnAegis([...asked, "--key-env", "NO_KEY"], { env });
  expect([unset.exitCode, unset.stdout]).toEqual([2, ""]);
});

describe("a server is found out", () => {
  const allow = { outcome: "allow", reason: "OK", constraints: {} };
  const deny = { outcome: "deny", reason: "PERMISSION_UNDECLARED", constraints: {} };
  const json = (body: object, status = 200) => Response.json(body, { status });
  const rows: readonly (readonly [string, () => Response, readonly string[], string])[] = [
    [
      "that allows everything",
      () => json(allow),
      ["SEC-001", "SEC-003", "SEC-004", "SEC-005"],
      'outcome: want "deny" got "allow"',
    ],
    [
      "that denies everything for one reason",
      () => json(deny),
      ["SEC-002", "SEC-004"],
      'reason: want substring "BUDGET_EXCEEDED" got "PERMISSION_UNDECLARED"',
    ],
    ["that fails while it answers", () => json(deny, 500), allReqs(), "http: status 500"],
    [
      "that points elsewhere",
      () => Response.redirect("http://127.0.0.1:1/", 307),
      allReqs(),
      "http: status 307",
    ],
    ["that says no JSON", () => new Response("yes"), allReqs(), "decode response: it is no JSON"],
    [
      "that decides nothing",
      () => json({ outcome: true, reason: "OK" }),
      allReqs(),
      "decode response: outcome or reason is no text",
    ],
    [
      "that does not end",
      () => new Response("x".repeat(2 * 1024 * 1024)),
      allReqs(),
      "http: the answer is larger than 1048576 bytes",
    ],
    [
      "that writes to the terminal",
      () => json({ outcome: "\u001b[2J", reason: "" }),
      allReqs(),
      'outcome: want "deny" got "\u001b[2J"',
    ],
  ];
  test.each(rows)("%s", async (_, answer, violated, error) => {
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
    const asked = ["baseline-safety", "--server", `http://127.0.0.1:${server.port}`];
    const { stdout, exitCode } = await run(...asked, "--json");
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ compliant: false, violated_reqs: violated, skipped: 0 });
    expect(report.failed).toBe(violated.length);
    expect(report.results.map((one: { error?: string }) => one.error)).toContain(error);
    expect(report.badge_markdown).toContain("-non--compliant-red");
    expect(exitCode).toBe(1);
    const spoken = await run(...asked);
    expect(spoken.exitCode).toBe(1);
    expect(`${stdout}${spoken.stdout}`).not.toContain("\u001b");
    expect(spoken.stdout).toContain(`violated: ${violated.join(", ")}\n`);
  });
  test("that is not there", async () => {
    const { stdout, exitCode } = await run("--server", "http://127.0.0.1:1", "--json");
    const reports = JSON.parse(stdout);
    expect(reports.map((one: { compliant: boolean }) => one.compliant)).not.toContain(true);
    expect(exitCode).toBe(1);
  });
});

function allReqs(): readonly string[] {
  return ["SEC-001", "SEC-002", "SEC-003", "SEC-004", "SEC-005"];
}

test("a pack of one's own, and what is none", async () => {
  const url = await serve();
  const folder = tempDir("packs");
  const file = join(folder, "ours.yaml");
  const text = `name: ours
tests:
  - id: O-1
    req_id: OUR-1
    request:
      event: {event_type: TOOL_CALL_PROPOSED, payload: {tool_name: search}}
      manifest: {permissions: {tools: [search], approval_required: [search]}}
    expect: {outcome: require_approval}
`;
  writeFileSync(file, text);
  const asked = ["conformance", "run", "./ours.yaml", "--server", url];
  const met = await spawnAegis(asked, { cwd: folder });
  expect([met.exitCode, met.stderr]).toEqual([0, ""]);
  writeFileSync(file, text.replace("expect:", "expects:"));
  const broken = await spawnAegis(asked, { cwd: folder });
  expect([broken.exitCode, broken.stdout]).toEqual([1, ""]);
  expect(broken.stderr).toContain('test 1: there is no field "expects"');
  const unknown = await run("no-such-pack", "--server", url);
  expect(unknown.exitCode).toBe(2);
  expect(unknown.stderr).toContain("baseline-safety");
  expect((await run("--server", "ftp://127.0.0.1/")).exitCode).toBe(2);
});

test("a server with a certificate of its own is asked with --ca-file, and not believed without", async () => {
  const linked = linkedPrograms();
  const { cert, key } = certificate("localhost");
  writeFileSync(join(linked.folder, "cert.pem"), cert);
  writeFileSync(join(linked.folder, "key.pem"), key, { mode: 0o600 });
  const tls = "tls: {enabled: true, cert_file: cert.pem, key_file: key.pem}";
  writeFileSync(join(linked.folder, "aegis.yaml"), `addr: "localhost:0"\n${tls}\n`);
  const server = await linked.start("aegisd", "--dsn", ":memory:", "--config", "aegis.yaml");
  try {
    const url = `https://localhost:${server.greeting.trim().split(":").at(-1)}`;
    const asked = ["conformance", "run", "baseline-safety", "--server", url];
    const unknown = await linked.run("aegis", ...asked);
    expect(unknown).toMatchObject({ exitCode: 1 });
    expect(unknown.stdout).toContain("certificate");
    const known = await linked.run("aegis", ...asked, "--ca-file", "cert.pem");
    expect(known).toMatchObject({ exitCode: 0, stderr: "" });
    const plain = await linked.run("aegis", ...asked.slice(0, 3), "--ca-file", "cert.pem");
    expect(plain.stderr).toContain("it is not https");
  } finally {
    await server.stop();
  }
});
