// The documented command lines, as their users type them: names, both spellings, texts and
// statuses.

import { beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as configWire from "../../src/wire/config.ts";
import * as entryWire from "../../src/wire/entry.ts";
import * as reportWire from "../../src/wire/report.ts";
import { setupReport } from "../../src/wire/setup.ts";
import { testWith } from "../support/features.ts";
import { type Outcome, spawnAegis } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

const home = tempDir("home");
const project = tempDir("project");

async function aegis(...args: string[]): Promise<Outcome> {
  return spawnAegis(args, { env: { HOME: home }, cwd: project });
}

beforeAll(async () => {
  writeFileSync(join(project, "note.txt"), "hello\n");
  const init = await aegis("init", "my-agent", "--policy", "workspace", "--dir", project);
  expect(init.exitCode).toBe(0);
  const run = await aegis("run", "--config", "my-agent", "--", "cat", "note.txt");
  expect([run.exitCode, run.stdout]).toEqual([0, "hello\n"]);
});

describe("setup", () => {
  test("ends with Setup complete where the kernel can enforce", async () => {
    const { stdout, exitCode } = await aegis("setup");
    expect(stdout).toEndWith("Setup complete.\n");
    expect(exitCode).toBe(0);
  });
  test("doctor is the same, and its JSON has every feature and protection", async () => {
    const { stdout } = await aegis("doctor", "--json");
    const report = setupReport.parse(JSON.parse(stdout));
    expect(report.trial.passed).toBe(true);
    expect(report.coverage.map(({ protection }) => protection)).toContain("filesystem");
    expect(report.features.every(({ usable, note }) => usable || note !== "")).toBe(true);
  });
  testWith(["landlock", "seccomp", "userns"], "an attack on a box opens nothing", async () => {
    const { stdout, exitCode } = await aegis("setup", "--attack", "--json");
    const { attacks = [] } = setupReport.parse(JSON.parse(stdout));
    expect(attacks.filter(({ outcome }) => outcome === "open")).toEqual([]);
    expect(attacks.filter(({ outcome }) => outcome === "held").length).toBeGreaterThan(30);
    expect(exitCode).toBe(0);
  });
  test.each([
    ["setup", [] as string[]],
    ["an attack", ["--attack"]],
  ])("%s leaves nothing behind but the folder for state", async (_, flags) => {
    const other = tempDir("home");
    await spawnAegis(["setup", ...flags], { env: { HOME: other, TMPDIR: other } });
    expect(readdirSync(other)).toEqual([".aegis"]);
    const keys = join(other, ".aegis/keys");
    expect(existsSync(keys) ? readdirSync(keys) : []).toEqual([]);
  });
});

describe("init", () => {
  test("says where everything is; a second one of the name fails", async () => {
    const other = tempDir("home");
    const first = await spawnAegis(["init", "one"], { env: { HOME: other } });
    expect(first.stdout).toContain("Initialized aegis configuration at");
    expect(first.stdout.trimEnd().split("\n").length).toBe(4);
    const second = await spawnAegis(["init", "one"], { env: { HOME: other } });
    expect(second.exitCode).not.toBe(0);
    expect(second.stderr).toContain("already exists");
  });
  test("with --dir the agent runs in that folder", async () => {
    const { stdout } = await aegis("run", "--config", "my-agent", "--", "pwd");
    expect(stdout).toBe(`${project}\n`);
  });
  test("refuses a name that is a path", async () => {
    const outcome = await aegis("init", "../etc/passwd");
    expect(outcome.exitCode).not.toBe(0);
    expect(outcome.stderr).toContain("invalid config name");
  });
});

describe("run and wrap", () => {
  test("print the command's output, then the session", async () => {
    const { stdout, stderr, exitCode } = await aegis("run", "--", "echo", "hello from the box");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("hello from the box\n");
    expect(stdout + stderr).toContain("Session:");
  });
  test("wrap records what the command made, and shows up in list", async () => {
    const { stdout, stderr } = await aegis("wrap", "--", "touch", "made.txt");
    expect(existsSync(join(project, "made.txt"))).toBe(true);
    expect(stdout + stderr).toContain("Session:");
    const list = await aegis("list");
    expect(list.stdout).toMatch(/^touch .*wrap/m);
    const used = await aegis("use", "touch");
    expect(used.stdout).toContain("Active configuration: touch");
    await aegis("use", "my-agent");
    expect((await aegis("log", "touch")).stdout).toContain("made.txt");
  });
});

describe("which ledger is meant", () => {
  test("a session is found wherever it is, the active configuration notwithstanding", async () => {
    const run = await aegis("run", "--json", "--", "cat", "note.txt");
    const { session } = JSON.parse(run.stdout);
    expect((await aegis("use")).stdout).toContain("my-agent");
    for (const args of [
      ["log", "--session", session],
      ["audit", "session", session.slice(-8)],
    ]) {
      const { stdout, exitCode } = await aegis(...args);
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining("note.txt")]);
    }
  });
  test("a newer ledger than the active one is pointed out", async () => {
    const { stderr, exitCode } = await aegis("log", "--last", "1");
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^note: this is my-agent; .* ad-hoc runs: --ledger .*ledger\.db\n$/);
    expect((await aegis("log", "my-agent", "--last", "1")).stderr).toBe("");
  });
  test("a configuration or ledger that is broken does not hide the others", async () => {
    const state = tempDir("state");
    const here = (...args: string[]) => spawnAegis(args, { env: { AEGIS_HOME: state } });
    await here("wrap", "--", "true");
    mkdirSync(join(state, "broken"));
    writeFileSync(join(state, "broken/aegis.toml"), "name = 3\n");
    await here("init", "torn");
    writeFileSync(join(state, "torn/audit.db"), "no database");
    Bun.spawnSync(["rm", join(state, "current")]);
    const log = await here("log");
    expect([log.exitCode, log.stdout]).toEqual([0, expect.stringContaining("SESSION_CLOSED")]);
    const list = await here("list");
    expect(list.stdout).toContain("3 configuration(s) found.");
    expect(list.stderr).toMatch(/^broken: .*aegis\.toml/m);
    expect((await here("log", "torn")).exitCode).toBe(1);
  });
});

describe("audit, both spellings", () => {
  test("query shows the entry table", async () => {
    const { stdout } = await aegis("audit", "query", "my-agent", "--last", "5");
    expect(stdout).toContain("ENTRY ID");
    const found = await aegis(
      "audit",
      "query",
      "my-agent",
      "--action",
      "FileRead",
      "--decision",
      "Allow",
    );
    expect(found.stdout).toContain("Allow");
    expect(found.stdout).toContain("note.txt");
  });
  test("sessions shows the command, session its entries by either form", async () => {
    const { stdout } = await aegis("audit", "sessions", "my-agent");
    expect(stdout).toContain("SESSION ID");
    expect(stdout).toContain("cat note.txt");
    const list = await aegis("audit", "sessions", "my-agent", "--json");
    const { sessions } = entryWire.sessionList.parse(JSON.parse(list.stdout));
    const id = sessions.at(-1)?.id ?? "";
    const named = await aegis("audit", "session", "my-agent", "--id", id);
    const flagged = await aegis("audit", "session", id, "--config", "my-agent");
    expect(named.stdout).toContain(`Session:       ${id}`);
    expect(flagged).toEqual(named);
  });
  test("verify says YES", async () => {
    const { stdout, exitCode } = await aegis("audit", "verify", "my-agent");
    expect(stdout).toContain("Valid:         YES");
    expect(exitCode).toBe(0);
  });
  test("every exported line is JSON", async () => {
    const { stdout } = await aegis("audit", "export", "my-agent", "--format", "jsonl");
    const lines = stdout.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty("entry_id");
  });
  test("policy-history has a snapshot", async () => {
    expect((await aegis("audit", "policy-history", "my-agent")).stdout).toContain("SNAPSHOT ID");
  });
  test("diff compares two sessions of one ledger", async () => {
    await aegis("run", "--quiet", "--config", "my-agent", "--", "cat", "note.txt", "other.txt");
    const list = await aegis("audit", "sessions", "my-agent", "--json");
    const { sessions } = entryWire.sessionList.parse(JSON.parse(list.stdout));
    const [newest, oldest] = [sessions[0]?.id ?? "", sessions.at(-1)?.id ?? ""];
    const told = await aegis("diff", oldest, newest, "--config", "my-agent");
    expect(told.stdout).toContain("Session Comparison");
    const asJson = await aegis("diff", oldest, newest, "--json");
    const diff = reportWire.sessionDiff.parse(JSON.parse(asJson.stdout));
    expect(diff.common).toContain(join(project, "note.txt"));
  });
});

describe("report, status, list, use", () => {
  test("report counts and proves, as text and as JSON", async () => {
    const text = await aegis("report", "my-agent");
    expect(text.stdout).toContain("Integrity:      VALID");
    const { stdout } = await aegis("report", "my-agent", "--format", "json");
    const report = reportWire.report.parse(JSON.parse(stdout));
    expect(report.total_entries).toBeGreaterThan(0);
    expect(report.integrity_valid).toBe(true);
  });
  test("status of one that is there is OK, of one that is not MISSING", async () => {
    const there = await aegis("status", "my-agent");
    expect([there.exitCode, there.stdout]).toEqual([
      0,
      expect.stringContaining("Integrity:     OK"),
    ]);
    const json = await aegis("status", "my-agent", "--json");
    expect(configWire.configStatus.parse(JSON.parse(json.stdout)).integrity).toBe("OK");
    const missing = await aegis("status", "nobody");
    expect([missing.exitCode, missing.stdout]).toEqual([0, expect.stringContaining("MISSING")]);
  });
  test("use of a name that is not there fails", async () => {
    const outcome = await aegis("use", "nobody");
    expect(outcome.exitCode).not.toBe(0);
    expect(outcome.stderr).toContain("not found");
  });
  test.each([
    ["names a configuration that is gone", "ghost\n", 'there is no configuration "ghost"'],
    ["holds a path", "../x\n", 'invalid config name "../x"'],
    ["is no text", Uint8Array.of(0xff), "it is not UTF-8"],
    ["is a folder", undefined, "it is a folder"],
  ])("the file with the active one that %s is named, with what mends it", async (_, held, why) => {
    const state = tempDir("state");
    const here = (...args: string[]) => spawnAegis(args, { env: { AEGIS_HOME: state } });
    await here("init", "one");
    const current = join(state, "current");
    rmSync(current);
    if (held === undefined) mkdirSync(current);
    else writeFileSync(current, held);
    for (const args of [["log"], ["status"], ["policy", "list"]]) {
      const { exitCode, stdout, stderr } = await here(...args);
      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toStartWith(`error: Cannot use "${current}": `);
      expect(stderr).toContain(why);
      expect(stderr).toContain("\nhint: ");
    }
    expect((await here("log", "one")).exitCode).toBe(0);
    if (held === undefined) return;
    expect((await here("log")).stderr).toContain("hint: choose one of one with `aegis use NAME`\n");
    expect((await here("use", "one")).exitCode).toBe(0);
    expect((await here("log")).exitCode).toBe(0);
  });
  test("an empty ledger is no error", async () => {
    await aegis("init", "empty");
    const { stdout, exitCode } = await aegis("audit", "query", "empty");
    expect([stdout, exitCode]).toEqual(["No audit entries found.\n", 0]);
    await aegis("use", "my-agent");
  });
});

describe("policy validate", () => {
  test("answers VALID in both spellings, INVALID with status 0", async () => {
    writeFileSync(join(project, "good.cedar"), "permit(principal, action, resource);\n");
    writeFileSync(join(project, "bad.cedar"), "permit(principal, action, resource)\n");
    for (const args of [["good.cedar"], ["--path", "good.cedar"]]) {
      const { stdout, exitCode } = await aegis("policy", "validate", ...args);
      expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^VALID: 1 policy/)]);
    }
    const bad = await aegis("policy", "validate", "bad.cedar");
    expect([bad.exitCode, bad.stdout]).toEqual([0, expect.stringContaining("INVALID")]);
  });
});

describe("what is kept on disk", () => {
  test("only its owner can read or change", () => {
    const wrong = walk(join(home, ".aegis")).filter((path) => {
      const { mode } = statSync(path);
      return (mode & 0o077) !== 0;
    });
    expect(wrong).toEqual([]);
  });
});

describe("config edit", () => {
  const editor = (script: string) => {
    const path = join(tempDir("editor"), "editor");
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
    return path;
  };
  async function edit(script: string): Promise<Outcome> {
    const env = { HOME: home, EDITOR: editor(script) };
    return spawnAegis(["config", "edit", "my-agent"], { env });
  }
  const file = join(home, ".aegis/my-agent/aegis.toml");

  test("keeps a result that can be used", async () => {
    expect((await edit(`sed -i 's/^name = .*/name = "renamed"/' "$1"`)).exitCode).toBe(0);
    expect((await aegis("config", "show", "my-agent")).stdout).toContain("Agent:         renamed");
    expect((await edit(`sed -i 's/^name = .*/name = "my-agent"/' "$1"`)).exitCode).toBe(0);
  });
  test("refuses one that cannot, keeping it beside the file", async () => {
    const before = readFileSync(file, "utf8");
    const outcome = await edit(`echo 'sandbox_dri = "/x"' > "$1"`);
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stderr).toContain('did you mean "sandbox_dir"?');
    expect(outcome.stderr).toContain("aegis.toml.bak");
    expect(readFileSync(file, "utf8")).toBe(before);
    expect(readFileSync(`${file}.bak`, "utf8")).toBe('sandbox_dri = "/x"\n');
  });
  test("changes nothing when the editor fails or is not there", async () => {
    const before = readFileSync(file, "utf8");
    expect((await edit("exit 3")).exitCode).toBe(1);
    const env = { HOME: home, EDITOR: "/nonexistent/editor --wait" };
    const missing = await spawnAegis(["config", "edit", "my-agent"], { env });
    expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining("set EDITOR")]);
    expect(readFileSync(file, "utf8")).toBe(before);
    const left = () =>
      readdirSync(join(home, ".aegis/my-agent")).filter((name) => name.startsWith(".edit-"));
    expect(left()).toEqual([]);
    const edited = await edit('echo mine > "$1"; exit 3');
    expect(edited.stderr).toContain("the edit is in");
    expect(left().length).toBe(1);
  });
});

describe("every command", () => {
  const commands = helpOf().matchAll(/^## aegis (.+)$/gm);
  for (const [, name = ""] of commands) {
    test(`aegis ${name} has help, and refuses a flag that it does not know`, async () => {
      const help = await aegis(...name.split(" "), "--help");
      expect([help.exitCode, help.stderr]).toEqual([0, ""]);
      expect(help.stdout).toContain(`aegis ${name}`);
      const wrong = await aegis(...name.split(" "), "--no-such-flag");
      expect([wrong.exitCode, wrong.stdout]).toEqual([2, ""]);
      expect(wrong.stderr).toMatch(/^error: .*unknown flag "--no-such-flag"\nhint: .+\n$/);
    });
  }

  for (const calledAs of ["/usr/local/bin/aegis-server", "aegis-server"]) {
    test(`called as ${calledAs} it says that this is not part of the build`, async () => {
      const outcome = await spawnAegis(["--help"], { calledAs });
      expect([outcome.exitCode, outcome.stdout]).toEqual([2, ""]);
      expect(outcome.stderr).toContain("is not part of this build");
    });
  }

  test("without HOME says what to set", async () => {
    const outcome = await spawnAegis(["log"], { env: { HOME: undefined } });
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stderr).toMatch(/^error: .*HOME.*\nhint: .*AEGIS_HOME.*\n$/);
  });

  test("an error of the system is told as one, with its place", async () => {
    const loop = join(tempDir("loop"), "loop");
    symlinkSync(loop, loop);
    const outcome = await spawnAegis(["policy", "validate", loop]);
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stderr).toMatch(/^error: Cannot \w+ ".*\/loop": ELOOP.*\nhint: .+\n$/);
  });

  test("an aegis home that others may write to is refused", async () => {
    const shared = tempDir("shared");
    mkdirSync(join(shared, "state"), { mode: 0o777 });
    Bun.spawnSync(["chmod", "777", join(shared, "state")]);
    const outcome = await spawnAegis(["run", "--", "true"], {
      env: { AEGIS_HOME: join(shared, "state") },
    });
    expect([outcome.exitCode, outcome.stdout]).toEqual([125, ""]);
    expect(outcome.stderr).toContain("other users may write to it");
  });
});

function helpOf(): string {
  return readFileSync(join(import.meta.dir, "../../docs/cli.md"), "utf8");
}

function walk(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return [path, ...readdirSync(path).flatMap((name) => walk(join(path, name)))];
}
