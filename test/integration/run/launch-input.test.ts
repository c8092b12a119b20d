// What a person may hand to a command and it cannot use: each says what, why and what to do, ends
// in bounded time, and nothing is run.

import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWith } from "../../support/features.ts";
import {
  aegisBinary,
  cleanEnvironment,
  giveToPlainUser,
  type Outcome,
  spawnAegis,
} from "../../support/harness.ts";
import { programMs, testMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

const permit = "permit(principal, action, resource);\n";

interface Place {
  readonly folder: string;
  aegis(...args: string[]): Promise<Outcome>;
  /** As a shell is told: for what is not a file. */
  shell(line: string): Promise<Outcome>;
}

function place(): Place {
  const home = tempDir("home");
  const folder = tempDir("work");
  return {
    folder,
    aegis: (...args) => spawnAegis(args, { env: { HOME: home }, cwd: folder }),
    async shell(line) {
      const child = Bun.spawn(["bash", "-c", line, "bash", aegisBinary()], {
        cwd: folder,
        env: cleanEnvironment({ HOME: home }),
        stdio: ["ignore", "pipe", "pipe"],
        timeout: programMs,
      });
      const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      return { stdout, stderr, exitCode: await child.exited };
    },
  };
}

describe("a launch refuses, with a hint", () => {
  const files: Readonly<Record<string, string>> = {
    "broken.cedar": "permit(principal",
    "unknown.cedar": 'permit(principal, action == Aegis::Action::"FileRed", resource);',
    "schema.json": '{"version":"9"}',
    "broken.json": '{"a":',
    "list.json": "[]",
  };
  const rows: readonly [string, readonly string[], string, string][] = [
    ["a broken policy", ["--policy", "broken.cedar"], "broken.cedar:1:17: error:", "validate"],
    ["an unknown action", ["--policy", "unknown.cedar"], "FileRed", 'did you mean "FileRead"'],
    ["a policy that is missing", ["--policy", "none.cedar"], "none.cedar", "policy list"],
    ["a manifest that is missing", ["--manifest", "none.json"], "none.json", "manifest generate"],
    ["one of another schema", ["--manifest", "schema.json"], "manifest: schema:", "manifest"],
    ["one that is no JSON", ["--manifest", "broken.json"], "broken.json:1:1:", "manifest"],
    ["one that is no object", ["--manifest", "list.json"], "must be object", "manifest"],
    ["a folder for one", ["--manifest", "folder"], 'folder": it is a folder', "name a file"],
    ["a policy without an end", ["--policy", "/dev/zero"], "more than 1048576 bytes", "smaller"],
    ["a manifest without an end", ["--manifest", "/dev/zero"], "more than 1048576", "smaller"],
    ["a path for a name", ["--config", "../x"], 'invalid config name "../x"', "use letters"],
  ];
  test.each(rows)(
    "%s",
    async (_, flags, said, hint) => {
      const { folder, aegis } = place();
      mkdirSync(join(folder, "folder"));
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      const outcome = await aegis("run", ...flags, "--", "touch", "proof");
      expect([outcome.exitCode, outcome.stdout]).toEqual([125, ""]);
      expect(outcome.stderr).toStartWith("error: ");
      expect(outcome.stderr).toContain(said);
      expect(outcome.stderr.split("\n").find((line) => line.startsWith("hint: "))).toContain(hint);
      expect(existsSync(join(folder, "proof"))).toBe(false);
    },
    testMs,
  );
  test(
    "a working folder whose name is no text, by its name and as the current one",
    async () => {
      const { folder, shell } = place();
      const odd = "$'odd\\xff'";
      for (const line of [`"$1" run --dir ${odd} -- touch proof`, `cd ${odd}; "$1" run -- true`]) {
        const { exitCode, stderr } = await shell(`mkdir -p ${odd}; ${line}`);
        expect(exitCode).toBe(125);
        expect(stderr).toContain("as the workspace: its name is not UTF-8");
        expect(stderr).toContain("hint: rename it");
      }
      const other = await shell(`"$1" run --dir gone -- true`);
      expect([other.exitCode, other.stderr.includes("it is no folder")]).toEqual([125, true]);
      expect(existsSync(join(folder, "proof"))).toBe(false);
    },
    testMs,
  );
  test(
    "and takes a policy from a pipe",
    async () => {
      const { folder, shell } = place();
      const policy = `--policy <(printf '%s' '${permit.trim()}')`;
      const { exitCode } = await shell(`"$1" run ${policy} -- touch proof`);
      expect([exitCode, existsSync(join(folder, "proof"))]).toEqual([0, true]);
    },
    testMs,
  );
});

test("a stream that takes nothing more is named", async () => {
  const { shell } = place();
  const full = await shell('"$1" policy generate permit-all >/dev/full');
  expect(full).toEqual({
    exitCode: 1,
    stdout: "",
    stderr:
      'error: Cannot write "standard output": ENOSPC: no space left on device, write\n' +
      "hint: check who may use that place, and its free space\n",
  });
  const twin = await shell('"$1" policy generate permit-all >/dev/null');
  expect([twin.exitCode, twin.stderr]).toEqual([0, ""]);
});

test.each([["run"], ["kept"], ["restore"], ["wraps"], ["current"], ["traces.ndjson"]])(
  "no configuration takes the place of aegis' own %s",
  async (name) => {
    const { aegis } = place();
    const { exitCode, stderr } = await aegis("init", name);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("it is reserved for aegis")]);
    expect((await aegis("init", `${name}s`)).exitCode).toBe(0);
  },
  testMs,
);

testWith(["root", "landlock"], "root is told that a box has none of its rights", async () => {
  const { folder, aegis } = place();
  giveToPlainUser(folder);
  chmodSync(folder, 0o700);
  const refused = await aegis("run", "--", "true");
  expect([refused.exitCode, refused.stderr]).toEqual([
    125,
    expect.stringMatching(/error: Cannot enter the directory .*\nhint: .*without root's rights/),
  ]);
  chmodSync(folder, 0o755);
  expect((await aegis("run", "--", "true")).exitCode).toBe(0);
});
