import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ZodType } from "zod";
import * as wire from "../../src/wire/entry.ts";
import {
  aegisBinary,
  cleanEnvironment,
  type Outcome,
  spawnAegis,
  waitFor,
} from "../support/harness.ts";
import { recordMany, recordSessions } from "../support/recorded.ts";
import { tempDir } from "../support/temp.ts";

const home = join(tempDir("home"), "state");
const { first, second } = await recordSessions(home);
const env = { AEGIS_HOME: home };

/** The name that tries to control the terminal, made harmless. */
const escaped = "FileWrite /work/project/\\x1b]0;owned\\x07\\u{202e}txt (2 times)";

async function aegis(...args: string[]): Promise<Outcome> {
  return spawnAegis(args, { env });
}

async function json<T>(schema: ZodType<T>, ...args: string[]): Promise<T> {
  const { stdout, stderr, exitCode } = await aegis(...args, "--json");
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return schema.parse(JSON.parse(stdout));
}

describe("aegis log and audit query", () => {
  test("show entry id, decision and action, newest first", async () => {
    const { stdout, exitCode } = await aegis("log");
    const lines = stdout.trimEnd().split("\n");
    expect(exitCode).toBe(0);
    expect(lines[0]).toBe("ENTRY ID    DECISION  PRINCIPAL  TIMESTAMP            ACTION");
    expect(lines.slice(1, 4)).toEqual([
      `${second.slice(-8)}:5  -         agent      2026-03-01 09:01:02  SESSION_CLOSED exit 3`,
      `${second.slice(-8)}:4  Deny      agent      2026-03-01 09:01:01  NetConnect example.org:443`,
      `${second.slice(-8)}:3  Allow     agent      2026-03-01 09:01:01  ${escaped}`,
    ]);
  });

  const shown = [
    ["log"],
    ["log", "--json"],
    ["audit", "session", second],
    ["audit", "sessions"],
    ["audit", "export", "--format", "json"],
    ["audit", "export", "--format", "jsonl"],
  ];
  for (const args of shown) {
    test(`${args.slice(0, 2).join(" ")} prints no control character from a name`, async () => {
      const { stdout, exitCode } = await aegis(...args);
      expect([exitCode, stdout.includes("agent.py")]).toEqual([0, true]);
      expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
    });
  }

  const queries = [
    { args: ["--decision", "Deny"], total: 2 },
    { args: ["--decision=allow", "--action=fileread"], total: 3 },
    { args: ["--search", "ID_ED25519"], total: 1 },
    { args: ["--search", "%"], total: 0 },
    { args: ["--session", "FIRST"], total: 7 },
    { args: ["--session", "FIRST", "--decision", "deny"], total: 1 },
    { args: ["--from", "2026-03-01T09:01:00Z"], total: 6 },
    { args: ["--to", "2026-03-01T10:00:59+01:00"], total: 7 },
    { args: ["--from", "2026-03-02"], total: 0 },
    { args: ["--principal", "agent"], total: 13 },
    { args: ["--principal", "nobody"], total: 0 },
    { args: [], total: 13 },
  ];
  for (const { args, total } of queries) {
    test(`audit query ${args.join(" ")} finds ${total}`, async () => {
      const given = args.map((arg) => (arg === "FIRST" ? first : arg));
      expect((await json(wire.entryPage, "audit", "query", ...given)).total).toBe(total);
    });
  }

  test("pages follow each other without gap or repeat", async () => {
    const pages = await Promise.all(
      ["1", "2", "3", "4"].map((page) =>
        json(wire.entryPage, "audit", "query", "--page-size", "5", "--page", page),
      ),
    );
    expect(pages.map(({ entries }) => entries.length)).toEqual([5, 5, 3, 0]);
    const ids = pages.flatMap(({ entries }) => entries.map(({ hash }) => hash));
    expect(new Set(ids).size).toBe(13);
    const { stdout } = await aegis("audit", "query", "--page-size", "5", "--page", "3");
    expect(stdout).toEndWith("Showing 11-13 of 13 entries (page 3)\n");
  });

  test("say when nothing was recorded or nothing matches", async () => {
    const elsewhere = { AEGIS_HOME: join(tempDir("home"), "none") };
    const empty = await spawnAegis(["audit", "query"], { env: elsewhere });
    expect(empty).toEqual({ stdout: "No audit entries found.\n", stderr: "", exitCode: 0 });
    const { stdout } = await aegis("audit", "query", "--search", "nothing like it");
    expect(stdout).toBe("No matching audit entries found.\n");
  });

  test("fit a narrow terminal when COLUMNS says so", async () => {
    const { stdout } = await spawnAegis(["log"], { env: { ...env, COLUMNS: "80" } });
    for (const line of stdout.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  });

  test("--follow prints what another process records, as it comes", async () => {
    const other = join(tempDir("home"), "state");
    await recordSessions(other);
    const child = Bun.spawn([aegisBinary(), "log", "--follow", "--last", "1", "--json"], {
      env: cleanEnvironment({ AEGIS_HOME: other }),
      stdout: "pipe",
    });
    let text = "";
    const reading = (async () => {
      for await (const chunk of child.stdout) text += Buffer.from(chunk).toString();
    })();
    await waitFor("the newest entry", () => text.includes("SESSION_CLOSED"));
    await recordSessions(other);
    const lines = await waitFor("the new entries", () => {
      const whole = text.slice(0, text.lastIndexOf("\n")).split("\n");
      return whole.filter((line) => line.includes("SESSION_CLOSED")).length === 3 && whole;
    });
    child.kill();
    await reading;
    const types = lines.map((line) => wire.entry.parse(JSON.parse(line)).event_type);
    expect(types.filter((type) => type === "SESSION_OPENED").length).toBe(2);
    expect(types.length).toBe(1 + 12);
  });
});

describe("what follows a ledger", () => {
  const followers = [
    { args: ["audit", "watch"], line: /^\[09:00:01\] DENY {3}agent {2}FileRead .*id_ed25519$/m },
    { args: ["audit", "watch", "--decision", "deny", "--json"], line: /"decision":"deny"/ },
    { args: ["audit", "export", "--follow"], line: /^\{"entry_id":.*FileWrite.*\}$/m },
    {
      args: ["audit", "export", "--follow", "--format", "cef"],
      line: /^CEF:0\|Aegis\|.*FileWrite/m,
    },
  ];
  for (const { args, line } of followers) {
    test(`aegis ${args.join(" ")} prints only what comes in`, async () => {
      const other = join(tempDir("home"), "state");
      await recordMany(other, 1);
      const child = Bun.spawn([aegisBinary(), ...args], {
        env: cleanEnvironment({ AEGIS_HOME: other }),
        stdout: "pipe",
      });
      let text = "";
      const reading = (async () => {
        for await (const chunk of child.stdout) text += Buffer.from(chunk).toString();
      })();
      await waitFor("an entry that matches", async () => {
        await recordSessions(other);
        return line.test(text);
      });
      child.kill();
      await reading;
      expect(text).not.toContain("/data/0");
      if (args.includes("deny")) expect(text).not.toContain('"decision":"allow"');
    });
  }
});

describe("aegis audit sessions and session", () => {
  test("list sessions with their command, tag and counts", async () => {
    const { stdout } = await aegis("audit", "sessions");
    expect(stdout.split("\n")[0]).toMatch(
      /^SESSION ID +STATUS +START TIME +TOTAL +DENIED +TAG +COMMAND$/,
    );
    expect(stdout).toContain("sh -c 'echo a b'");
    const { sessions } = await json(wire.sessionList, "audit", "sessions");
    expect(
      sessions.map(({ id, exit_status, tag, total_actions, denied_actions }) => [
        id,
        exit_status,
        tag,
        total_actions,
        denied_actions,
      ]),
    ).toEqual([
      [second, 3, "nightly", 4, 1],
      [first, 0, null, 14, 1],
    ]);
  });

  test("one session is found by id or the end of it, in both documented forms", async () => {
    const wanted = await json(wire.sessionDetails, "audit", "session", first);
    expect(wanted.entries.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (const args of [[first.slice(-8)], [first.toUpperCase()], ["--id", first]]) {
      expect(await json(wire.sessionDetails, "audit", "session", ...args)).toEqual(wanted);
    }
  });

  const wrong = [
    { id: "00000000-0000-7000-8000-000000000000", status: 1, says: "not found" },
    { id: "feedbeef", status: 1, says: "not found" },
    { id: "abc", status: 2, says: "no session id" },
    { id: "../../x", status: 1, says: "not found" },
    { id: "/x", status: 2, says: "no session id" },
    { id: first.slice(0, 5), status: 1, says: "fits several" },
  ];
  for (const { id, status, says } of wrong) {
    test(`an id that ${says}: ${id}`, async () => {
      const outcome = await aegis("audit", "session", id);
      expect(outcome.exitCode).toBe(status);
      expect(outcome.stderr).toContain(says);
      expect(outcome.stderr).toContain("hint: ");
    });
  }

  test("a tag is recorded, shown, and leaves the ledger valid", async () => {
    const other = join(tempDir("home"), "state");
    const { first: session } = await recordSessions(other);
    const tagging = await spawnAegis(["audit", "tag", session, "a b"], {
      env: { AEGIS_HOME: other },
    });
    expect(tagging.stdout).toBe(`Session ...${session.slice(-8)} tagged: a b\n`);
    const details = await spawnAegis(["audit", "session", session], { env: { AEGIS_HOME: other } });
    expect(details.stdout).toContain("Tag:           a b\n");
    const verified = await spawnAegis(["audit", "verify"], { env: { AEGIS_HOME: other } });
    expect(verified.exitCode).toBe(0);
  });
});

describe("aegis audit verify", () => {
  test("says YES, how many entries, and which checkpoint covers them", async () => {
    const { stdout, exitCode } = await aegis("audit", "verify");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Total entries: 13\nValid:         YES\n");
    const report = await json(wire.integrity, "audit", "verify");
    expect([report.valid, report.findings, report.checkpoint?.size]).toEqual([true, [], 13]);
  });

  test("says NO with exit status 1 when one byte was changed", async () => {
    const other = join(tempDir("home"), "state");
    await recordSessions(other);
    tamper(join(other, "ledger.db"));
    const { stdout, exitCode } = await spawnAegis(["audit", "verify"], {
      env: { AEGIS_HOME: other },
    });
    expect(exitCode).toBe(1);
    expect(stdout).toContain("Valid:         NO\n");
    expect(stdout).toMatch(/^Finding: +modified: /m);
    const told = await spawnAegis(["audit", "verify", "--json"], { env: { AEGIS_HOME: other } });
    expect(told.exitCode).toBe(1);
    expect(wire.integrity.parse(JSON.parse(told.stdout)).valid).toBe(false);
  });

  test("refuses a file that is no ledger, and one that is not there", async () => {
    const noLedger = await aegis("audit", "verify", "--ledger", aegisBinary());
    expect(noLedger.exitCode).toBe(1);
    expect(noLedger.stderr).toMatch(/^error: .+\nhint: .+\n$/);
    const missing = await aegis("audit", "verify", "--ledger", join(home, "none.db"));
    expect(missing.exitCode).toBe(1);
    expect(missing.stderr).toContain("no such file");
  });
});

describe("aegis audit policy-history, checkpoint and prove", () => {
  test("the policy is shown once, with its text in JSON", async () => {
    const { stdout } = await aegis("audit", "policy-history");
    expect(stdout).toMatch(
      /^SNAPSHOT ID +TIMESTAMP +SESSION +AGENT +FILES\n[0-9a-f]{16} .* agent +template:permit-all\n$/,
    );
    const { policies } = await json(wire.policyHistory, "audit", "policy-history");
    expect(
      policies.map(({ session_id, agent, sources }) => [session_id, agent, sources[0]?.text]),
    ).toEqual([[first, "agent", "permit(principal, action, resource);"]]);
  });

  test("a checkpoint is a signed note over everything", async () => {
    const { stdout } = await aegis("audit", "checkpoint");
    expect(stdout).toMatch(/^aegis\.local\/\S+\n13\n[A-Za-z0-9+/]{43}=\n\n— \S+ \S+\n$/);
  });

  test("a receipt names the entry's place under that checkpoint", async () => {
    const entry = `${second.slice(-8)}:3`;
    const { stdout } = await aegis("audit", "prove", entry);
    expect(stdout).toStartWith("c2sp.org/tlog-proof@v1\nindex 10\n");
    const proof = await json(wire.entryProof, "audit", "prove", entry);
    expect(proof.receipt).toBe(stdout);
    expect(JSON.parse(proof.body).seq).toBe(3);
    const unknown = await aegis("audit", "prove", `${second.slice(-8)}:99`);
    expect([unknown.exitCode, unknown.stdout]).toEqual([1, ""]);
  });
});

test("a reader that goes away ends the command quietly", async () => {
  const child = Bun.spawn(
    ["bash", "-c", 'set -o pipefail; "$1" log --json | head -1', "bash", aegisBinary()],
    {
      env: cleanEnvironment(env),
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  expect([await child.stdout.text(), await child.stderr.text(), await child.exited]).toEqual([
    "{\n",
    "",
    0,
  ]);
});

/** Changes a path inside a stored event, past the triggers that guard the table. */
function tamper(path: string): void {
  const db = new Database(path);
  const triggers = db
    .query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    .all();
  for (const { name } of triggers) db.run(`DROP TRIGGER "${name}"`);
  db.run("UPDATE event SET body = replace(body, 'data.csv', 'none.csv')");
  db.close();
}

describe("an address where a ledger's file is wanted", () => {
  const address = "postgres://aegis:s3cretword@127.0.0.1:1/aegis";
  test.each([
    ["run", ["run", "--ledger", address, "--", "true"]],
    ["serve", ["serve", "--addr", ":0", "--ledger", address]],
  ])("is refused by %s, and makes no folder", async (_, args) => {
    const directory = tempDir("address");
    writeFileSync(join(directory, "x.backup"), "");
    const { stdout, stderr, exitCode } = await spawnAegis(args, { env, cwd: directory });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("it is an address, and no file");
    expect(stdout + stderr).not.toContain("s3cretword");
    expect(readdirSync(directory)).toEqual(["x.backup"]);
  });
});
