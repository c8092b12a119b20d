// Where documents and programs that people come from spell a thing in two ways, both are taken:
// in aegis.toml and on the command line.

import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Outcome, spawnAegis } from "../support/harness.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

const home = tempDir("home");
const project = join(home, "project");
const file = join(home, ".aegis/agent/aegis.toml");
const session = { id: "" };

async function aegis(...args: string[]): Promise<Outcome> {
  return spawnAegis(args, { env: { HOME: home }, cwd: project });
}

beforeAll(async () => {
  mkdirSync(project);
  writeFileSync(join(project, "own.cedar"), "permit(principal, action, resource);\n");
  await aegis("init", "agent", "--dir", project, "--policy", "workspace");
  const run = await aegis("run", "--config", "agent", "--json", "--", "true");
  session.id = JSON.parse(run.stdout).session;
}, testMs);

/** What the file is like in the documents, with the lines in question. */
function configured(isolation: string, alert: string): string {
  return `name = "agent"
sandbox_dir = "~/project"
policy_paths = ["~/.aegis/agent/policies"]
ledger_path = "~/.aegis/agent/audit.db"
allowed_network = []
isolation = ${isolation}

[[alerts]]
name = "denials"
webhook_url = "http://127.0.0.1:9/hook"
${alert} = "deny"
`;
}

describe("aegis.toml takes", () => {
  test.each([
    ["{ Seatbelt = { profile_overrides = null } }", "event"],
    ["{ Seatbelt = {} }", "decision"],
    ['"Seatbelt"', "event"],
    ['"Kernel"', "decision"],
  ])("isolation = %s, with %s in an alert, and confines with it", async (isolation, alert) => {
    writeFileSync(file, configured(isolation, alert));
    const shown = await aegis("config", "show", "agent", "--json");
    expect([shown.exitCode, JSON.parse(shown.stdout).sandbox]).toEqual([0, project]);
    const outside = "/usr/aegis-outside";
    const run = await aegis("run", "--config", "agent", "--", "sh", "-c", `pwd; echo > ${outside}`);
    expect([run.exitCode === 0, run.stdout]).toEqual([false, `${project}\n`]);
    expect(run.stderr).toContain(`denied FileWrite ${outside}`);
  });
});

describe("the command line takes", () => {
  const rows: readonly [string, readonly (readonly string[])[]][] = [
    ["policy validate", [["own.cedar"], ["--path", "own.cedar"]]],
    ["policy generate", [["permit-all"], ["--template", "permit-all"]]],
    [
      "audit session",
      [["ID"], ["ID", "--config", "agent"], ["agent", "--id", "ID"], ["--id", "ID"]],
    ],
    ["audit query", [[], ["agent"], ["--config", "agent"]]],
    ["audit verify", [[], ["agent"], ["--config", "agent"]]],
    ["audit sessions", [[], ["agent"], ["--config", "agent"]]],
    ["audit policy-history", [[], ["agent"], ["--config", "agent"]]],
    ["audit export", [[], ["agent"], ["--config", "agent"], ["--json"], ["--format", "json"]]],
    ["report", [["--json"], ["agent", "--format", "json"], ["--config", "agent", "--json"]]],
    ["policy list", [[], ["agent"], ["--config", "agent"]]],
    ["status", [[], ["agent"], ["--config", "agent"]]],
  ];
  test.each(rows)(
    "%s",
    async (command, spellings) => {
      const said: string[] = [];
      for (const spelling of spellings) {
        const args = spelling.map((word) => (word === "ID" ? session.id : word));
        const { exitCode, stdout, stderr } = await aegis(...command.split(" "), ...args);
        expect([exitCode, stderr]).toEqual([0, ""]);
        said.push(stdout.replaceAll(/"generated[^,]*,/g, ""));
      }
      expect(said).toEqual(said.map(() => said[0] ?? ""));
      expect(said[0]).not.toBe("");
    },
    testMs,
  );
});
