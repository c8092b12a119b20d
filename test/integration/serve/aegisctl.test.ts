// The built binary through its link aegisctl, against a server of the built binary.

import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { sha256Hex } from "../../../src/base/hash.ts";
import { conditionMs } from "../../support/patience.ts";
import { linkedPrograms, serve } from "../../support/served.ts";

const linked = linkedPrograms();
const ctl = (...args: string[]) => linked.run("aegisctl", ...args);
const ledger = `${linked.folder}/aegis.db`;
const server = await serve(ledger);
const { url } = server;
afterAll(() => server.stop());

async function post(path: string, body: string): Promise<Record<string, string>> {
  const response = await fetch(`${url}${path}`, { method: "POST", body });
  expect(response.status).toBeLessThan(300);
  return JSON.parse((await response.text()).split("\n")[0] ?? "") as Record<string, string>;
}

const event = (session: string, at: number) =>
  JSON.stringify({
    tenant_id: "acme",
    session_id: session,
    ts_unix_ms: 1_700_000_000_000 + at,
    event_type: "MODEL_CALL",
    payload: { at },
  });

async function fill(session: string, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1000) {
    const size = Math.min(1000, count - at);
    const lines = Array.from({ length: size }, (_, step) => event(session, at + step));
    await post("/v1/events:batch", lines.join("\n"));
  }
}

test("a proxy is asked about other machines, and never about this one", async () => {
  const asked: string[] = [];
  const proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      asked.push(request.url);
      return Response.json({ valid: true });
    },
  });
  try {
    const address = `http://127.0.0.1:${proxy.port}`;
    for (const exempt of [{}, { NO_PROXY: "a.test" }, { no_proxy: "a.test", NO_PROXY: "" }]) {
      const behind = linkedPrograms({ HTTP_PROXY: address, http_proxy: address, ...exempt });
      const verify = ["verify", "--tenant", "acme", "--session", "none", "--server"];
      expect(await behind.run("aegisctl", ...verify, url)).toMatchObject({ exitCode: 0 });
      expect(asked).toEqual([]);
      const elsewhere = await behind.run("aegisctl", ...verify, "http://aegis.test");
      expect(elsewhere).toMatchObject({ exitCode: 0 });
      expect(asked.splice(0)).toContain("http://aegis.test/v1/sessions/none/verify?tenant_id=acme");
    }
  } finally {
    await proxy.stop(true);
  }
});

test("verify tells a sound session from one that was touched, by both spellings of its flags", async () => {
  await fill("sound", 3);
  await fill("touched", 4);
  for (const [tenant, session] of [
    ["--tenant", "--session"],
    ["--tenant-id", "--session-id"],
  ] as const) {
    expect(await ctl("verify", tenant, "acme", session, "sound", "--server", url)).toEqual({
      stdout: "OK: chain valid for session sound\n",
      stderr: "",
      exitCode: 0,
    });
  }
  const db = new Database(ledger);
  // The server writes what its sessions add up to in the background.
  db.run(`PRAGMA busy_timeout = ${conditionMs}`);
  const guards = db.query<{ name: string }, []>(
    "SELECT name FROM sqlite_master WHERE type = 'trigger'",
  );
  for (const { name } of guards.all()) db.run(`DROP TRIGGER ${name}`);
  const { changes } = db.run(
    `UPDATE event SET body = replace(body, 'MODEL_CALL', 'MODEL_CALM')
     WHERE seq = 2 AND session = (SELECT num FROM session WHERE id LIKE '%touched%' OR name = 'touched')`,
  );
  db.close();
  expect(changes).toBe(1);
  const touched = await ctl("verify", "--tenant", "acme", "--session", "touched", "--server", url);
  expect(touched.stdout).toMatch(/^INVALID: first bad seq=2 error=.+\n$/);
  expect(touched.exitCode).toBe(1);
  const sound = await ctl("verify", "--tenant", "acme", "--session", "sound", "--server", url);
  expect(sound.exitCode).toBe(0);
});

test("a session without events is valid, with a word about it", async () => {
  const outcome = await ctl("verify", "--tenant", "acme", "--session", "a/b c", "--server", url);
  expect(outcome).toEqual({
    stdout: "OK: chain valid for session a/b c\n",
    stderr: "note: that session has no events\n",
    exitCode: 0,
  });
});

test("export gives every event, also beyond a page, and never half a file", async () => {
  await fill("long", 2300);
  const args = ["export", "--tenant", "acme", "--session", "long", "--server", url];
  const printed = await ctl(...args);
  const lines = printed.stdout.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).seq)).toEqual(Array.from(Array(2300).keys()));
  expect((await ctl(...args, "--out", "long.ndjson")).exitCode).toBe(0);
  expect(readFileSync(`${linked.folder}/long.ndjson`, "utf8")).toBe(printed.stdout);
  const again = await ctl(...args, "--out", "long.ndjson");
  expect([again.exitCode, again.stdout]).toEqual([1, ""]);
  expect(again.stderr).toContain("it exists");
});

describe("approve", () => {
  async function ask(session: string): Promise<string> {
    const args = { path: "/a" };
    const request = { tenant_id: "acme", session_id: session, tool_name: "write_file", args };
    const { token = "" } = await post("/v1/approvals", JSON.stringify(request));
    return token;
  }

  test("allows once, by the token alone, with other arguments", async () => {
    const token = await ask("appr");
    writeFileSync(`${linked.folder}/args.json`, '{"path": "/b"}');
    const allowed = await ctl("approve", token, "--allow", "--edit", "args.json", "--server", url);
    expect(allowed).toEqual({
      stdout: 'ALLOWED: write_file in session appr of acme by local\n  change path: "/a" -> "/b"\n',
      stderr: "",
      exitCode: 0,
    });
    const again = await ctl("approve", token, "--deny", "--server", url);
    expect([again.exitCode, again.stdout]).toEqual([1, ""]);
    expect(again.stderr).toMatch(/^error: approve: server returned 409: .*already decided/);
  });

  test("does not make another number of one that no double holds", async () => {
    const token = await ask("appr3");
    const args = ["approve", token, "--allow", "--edit", "number.json", "--server", url];
    writeFileSync(`${linked.folder}/number.json`, '{"id": 9007199254740993}');
    const refused = await ctl(...args);
    expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain('the number 9007199254740993 of "id" would be read as');
    writeFileSync(`${linked.folder}/number.json`, '{"id": 9007199254740992}');
    expect((await ctl(...args)).exitCode).toBe(0);
  });

  test("denies, from the tree of aegis as well", async () => {
    const token = await ask("appr2");
    const args = ["approve", token, "--deny", "--message", "no", "--tenant", "acme"];
    const denied = await linked.run("aegis", ...args, "--server", url);
    expect([denied.stdout, denied.exitCode]).toEqual([
      "DENIED: write_file in session appr2 of acme by local: no\n",
      0,
    ]);
  });

  test.each([
    ["neither word", []],
    ["both words", ["--allow", "--deny"]],
    ["arguments for a denial", ["--deny", "--edit", "args.json"]],
    ["a token that is none", ["--allow"]],
  ])("%s is refused", async (_, flags) => {
    const outcome = await ctl("approve", "no-token", ...flags, "--server", url);
    expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
    expect(outcome.stderr).toMatch(/^error: /);
  });
});

describe("manifests", () => {
  const skill = `${linked.folder}/skill`;
  mkdirSync(skill);
  writeFileSync(`${skill}/tool.py`, "print(1)\n");
  const manifest = {
    schema: "aegis.dev/manifest/v0.1",
    name: "skill",
    version: "1.0.0",
    publisher: "acme",
    permissions: { tools: ["read_file"] },
    integrity: { files: { "tool.py": sha256Hex("print(1)\n") } },
  };
  const write = (name: string, content: object) =>
    writeFileSync(`${skill}/${name}`, JSON.stringify(content));
  write("good.json", manifest);
  write("bad.json", { ...manifest, publisher: "" });
  write("forged.json", { ...manifest, integrity: { files: { "tool.py": sha256Hex("") } } });

  for (const program of ["aegisctl", "aegis"]) {
    test(`${program} manifest validate`, async () => {
      const good = await linked.run(program, "manifest", "validate", "skill/good.json");
      expect(good).toEqual({
        stdout: 'OK: manifest "skill" v1.0.0 by acme\n',
        stderr: "",
        exitCode: 0,
      });
      const bad = await linked.run(program, "manifest", "validate", "skill/bad.json");
      const stdout = "INVALID: manifest: publisher: required\n";
      expect(bad).toEqual({ stdout, stderr: "skill/bad.json:1:82\n", exitCode: 1 });
    });
  }

  test("install checks the files", async () => {
    const good = await ctl("manifest", "install", "skill/good.json");
    const stdout = 'Verifying "skill" v1.0.0...\nOK: the 1 file matches\n';
    expect(good).toEqual({ stdout, stderr: "", exitCode: 0 });
    const forged = await ctl("manifest", "install", "skill/forged.json", "--dir", "skill");
    expect(forged.exitCode).toBe(1);
    expect(forged.stderr).toContain("manifest: integrity: tool.py: hash mismatch (want e3b0c4");
  });

  test("show fills in the defaults", async () => {
    const { stdout } = await ctl("manifest", "show", "skill/good.json");
    expect(JSON.parse(stdout)).toMatchObject({ permissions: { budgets: { max_steps: 24 } } });
  });

  test("generate writes one that validates, and never over another", async () => {
    const place = `${linked.folder}/legacy`;
    mkdirSync(place);
    writeFileSync(`${place}/run.sh`, "# curl x | sh\ncat /etc/shadow\n");
    const config = ["--client-config", "client.json"];
    const { stdout, exitCode } = await ctl("manifest", "generate", "legacy", ...config);
    expect(JSON.parse(readFileSync(`${linked.folder}/client.json`, "utf8"))).toEqual({
      aegisd_proxy_addr: "http://localhost:8081",
      trust_mode: "dev",
      manifest_path: `${place}/aegis-manifest.json`,
    });
    expect(statSync(`${place}/aegis-manifest.json`).mode & 0o777).toBe(0o644);
    expect([JSON.parse(stdout), exitCode]).toMatchObject([
      {
        mode: "read_only_audit",
        finding_count: 1,
        critical_count: 1,
        findings: [{ file: "run.sh", line: 2, pattern: "sensitive_system_file" }],
      },
      0,
    ]);
    const checked = await ctl("manifest", "validate", "legacy/aegis-manifest.json");
    expect(checked.stdout).toBe('OK: manifest "legacy" v0.0.1-generated by openclaw-legacy\n');
    const again = await ctl("manifest", "generate", "legacy");
    expect([again.exitCode, again.stderr]).toEqual([
      1,
      expect.stringContaining("--force replaces it"),
    ]);
    const other = await ctl("manifest", "generate", "legacy", "--force", ...config);
    expect([other.exitCode, other.stderr]).toEqual([
      1,
      expect.stringContaining("choose another name"),
    ]);
    expect(other.stderr).not.toContain("--force");
    expect((await ctl("manifest", "generate", "legacy", "--force")).exitCode).toBe(0);
  });
});

describe("what is not understood ends with 1", () => {
  test.each([
    ["an unknown command", ["verfy"], 'did you mean "aegisctl verify"?'],
    ["an unknown flag", ["verify", "--no-such-flag"], "unknown flag"],
    ["a missing tenant", ["verify", "--session", "s"], "--tenant is missing"],
    [
      "two tenants",
      ["verify", "--tenant", "a", "--tenant-id", "b", "--session", "s"],
      "they differ",
    ],
    [
      "no server",
      ["verify", "--tenant", "a", "--session", "s", "--server", "http://127.0.0.1:9"],
      "verify: cannot ask",
    ],
    [
      "another scheme",
      ["verify", "--tenant", "a", "--session", "s", "--server", "ftp://x"],
      "is no http",
    ],
    ["a missing manifest", ["manifest", "validate", "none.json"], "manifest: open "],
  ])("%s", async (_, args, text) => {
    const outcome = await ctl(...args);
    expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
    expect(outcome.stderr).toMatch(/^error: /);
    expect(outcome.stderr).toContain(text);
  });

  test("help is there", async () => {
    for (const args of [["--help"], ["manifest", "--help"], ["verify", "--help"]]) {
      const { stdout, exitCode } = await ctl(...args);
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining("aegisctl ")]);
    }
  });
});
