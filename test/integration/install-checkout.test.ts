// install.sh as a person runs it in a fresh copy of the checkout.

import { beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { testWith } from "../support/features.ts";
import { networkSettings, repoRoot } from "../support/harness.ts";
import { installed, sh, tree } from "../support/install.ts";
import { ownNetwork } from "../support/own-network.ts";
import { testMs } from "../support/patience.ts";
import { tempDir } from "../support/temp.ts";

describe("in a checkout", () => {
  const left = new Set([".git", "node_modules", "build", "dist"]);
  let checkout = "";

  beforeAll(() => {
    checkout = tempDir("checkout");
    cpSync(repoRoot, checkout, {
      recursive: true,
      filter: (source) => !left.has(relative(repoRoot, source)),
    });
  });

  test(
    "node, npm and a compiler are enough, and nothing outside the prefix is written",
    async () => {
      const prefix = join(tempDir("prefix"), "new");
      const home = tempDir("home");
      const tmp = tempDir("tmp");
      chmodSync(home, 0o500);
      const env = { ...networkSettings(), HOME: home, TMPDIR: tmp };
      const argv = [join(checkout, "install.sh"), "--prefix", prefix];
      const first = await sh(argv, { env });
      expect(first).toMatchObject({ exitCode: 0 });
      expect(tree(prefix)).toEqual(installed);
      expect({ home: tree(home), tmp: tree(tmp) }).toEqual({ home: [], tmp: [] });
      const aegis = Bun.spawnSync([join(prefix, "bin/aegis"), "--version"], { env: {} });
      expect(aegis.stdout.toString()).toMatch(/^aegis \d+\.\d+\.\d+\n$/);

      const second = await sh(argv, { env });
      expect(second).toMatchObject({ exitCode: 0 });
      expect(second.stderr).not.toContain("installing");

      expect(await sh([...argv, "--uninstall"], { env })).toMatchObject({ exitCode: 0 });
      expect(existsSync(prefix)).toBe(false);
    },
    3 * testMs,
  );

  testWith(
    ["landlock", "seccomp", "tool python3", "tool git", "tool gcc"],
    "--demo lets the agent loose and shows a ledger that verifies",
    async () => {
      const home = tempDir("home");
      const env = { ...networkSettings(), HOME: home, TMPDIR: tempDir("tmp") };
      const install = join(checkout, "install.sh");
      // With the network there is, which may be asked for what is locked; the demo itself has none.
      expect(await sh([install], { env })).toMatchObject({ exitCode: 0 });
      const told = await sh([install, "--demo"], { env, around: ownNetwork() });
      expect(told).toMatchObject({ exitCode: 0 });
      for (const line of [
        "$ aegis run -- python3 examples/agent.py",
        "agent: compile a program: built, and it counts 1 2 3",
        "agent: commit the result: 1 commit",
        "agent: done: the job is finished",
        "$ aegis log --last 12",
        "$ aegis log --denied --last 4",
        "$ aegis audit verify",
        "Valid:         YES",
      ])
        expect(`\n${told.stdout}`).toContain(`\n${line}`);
      const denied = told.stdout.slice(told.stdout.indexOf("$ aegis log --denied"));
      expect(denied).toContain(`FileRead ${home}/.ssh`);
      expect(denied).toContain("NetConnect 192.0.2.1:443");
      expect(told.stderr).toContain("aegis: denied NetConnect 192.0.2.1:443: no permit matched");
      expect(told.stderr).toContain(`aegis: denied FileRead ${home}/.ssh: denied by credentials`);
      // Of the variables that the build was given none is the person's.
      expect(told.stderr).not.toContain("kept out of the environment");
      expect(readdirSync(home).sort()).toEqual([".aegis", ".local"]);
    },
    3 * testMs,
  );

  /** A PATH with the tools every system has and the programs given by name and text. */
  function pathWith(programs: Readonly<Record<string, string>>): string {
    const folder = tempDir("path");
    for (const name of [
      "sh",
      "id",
      "uname",
      "dirname",
      "mktemp",
      "rm",
      "cat",
      "tail",
      "cut",
      "cmp",
    ])
      symlinkSync(Bun.which(name) ?? "", join(folder, name));
    for (const [name, text] of Object.entries(programs))
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return folder;
  }

  test("whoever cannot install packages is told which are missing", async () => {
    const argv = [join(checkout, "install.sh"), "--prefix", tempDir("prefix")];
    const { exitCode, stderr } = await sh(argv, { env: { PATH: pathWith({}) } });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr:
        "error: Node.js with npm is missing\n" +
        "hint: install it (on Debian: apt-get install nodejs npm), then run this again\n",
    });
  });

  testWith(["root"], "root with apt-get has what is missing installed", async () => {
    const log = join(tempDir("log"), "apt");
    const tools = { "apt-get": `printf '%s\\n' "$*" >>${log}`, node: "exit 1" };
    const argv = [join(checkout, "install.sh"), "--prefix", tempDir("prefix")];
    expect((await sh(argv, { env: { PATH: pathWith(tools) } })).exitCode).not.toBe(0);
    expect(readFileSync(log, "utf8")).toBe(
      "update -q\ninstall -q -y --no-install-recommends nodejs npm\n",
    );
    const withOldNpm = pathWith({ ...tools, npm: 'echo "6.0.0"' });
    const { stderr } = await sh(argv, { env: { PATH: withOldNpm } });
    expect(stderr).toContain("npm 6 is too old for the lock file");
  });
});
