// The shipped program in hostile surroundings: nothing in the environment, the working folder or
// PATH may add code to it.

import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWith } from "../../support/features.ts";
import { freePort } from "../../support/free-port.ts";
import { aegisBinary, cleanEnvironment, spawnAegis } from "../../support/harness.ts";
import { programMs, testMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

const version = /^aegis \d+\.\d+\.\d+\n$/;

/**
 * A working folder in which every configuration file a JavaScript runtime looks for runs `evil.js`.
 */
function hostileFolder(): { folder: string; proof: string } {
  const folder = tempDir("hostile");
  const proof = join(folder, "proof");
  writeFileSync(
    join(folder, "evil.js"),
    `require("node:fs").writeFileSync(${JSON.stringify(proof)}, "");`,
  );
  writeFileSync(
    join(folder, "bunfig.toml"),
    'preload = ["./evil.js"]\n[test]\npreload = ["./evil.js"]\n',
  );
  writeFileSync(
    join(folder, ".env"),
    "AEGIS_HOME=/nonexistent/from-dotenv\nBUN_OPTIONS=--preload=./evil.js\n",
  );
  writeFileSync(join(folder, "package.json"), '{ "name": "x", "imports": { "#x": "./evil.js" } }');
  writeFileSync(join(folder, "tsconfig.json"), '{ "compilerOptions": { "baseUrl": "." } }');
  return { folder, proof };
}

beforeAll(() => {
  aegisBinary();
}, testMs);

describe("aegis --version", () => {
  const environments: readonly [string, Record<string, string>][] = [
    ["nothing special", {}],
    ["BUN_OPTIONS with a preload", { BUN_OPTIONS: "--preload=./evil.js" }],
    ["BUN_BE_BUN", { BUN_BE_BUN: "1" }],
    ["NODE_OPTIONS with a preload", { NODE_OPTIONS: "--require=./evil.js --import=./evil.js" }],
    ["BUN_INSPECT", { BUN_INSPECT: "127.0.0.1:9", BUN_INSPECT_PRELOAD: "./evil.js" }],
    ["BUN_CONFIG_PRELOAD", { BUN_CONFIG_PRELOAD: "./evil.js", BUN_PRELOAD: "./evil.js" }],
  ];
  test.each(environments)("runs only itself in a hostile folder with %s", async (_, env) => {
    const { folder, proof } = hostileFolder();
    const { stdout, stderr, exitCode } = await spawnAegis(["--version"], { cwd: folder, env });
    expect({ isVersion: version.test(stdout), stderr, exitCode }).toEqual({
      isVersion: true,
      stderr: "",
      exitCode: 0,
    });
    expect(existsSync(proof)).toBe(false);
  });

  test("refuses an option of its engine that would replace functions", async () => {
    const { folder } = hostileFolder();
    const overrides = join(folder, "overrides");
    writeFileSync(overrides, "override %%%{}%%%\nwith %%%{}%%%\n");
    const env = { BUN_JSC_functionOverrides: overrides };
    const { stdout, stderr, exitCode } = await spawnAegis(["--version"], { cwd: folder, env });
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toContain("invalid JSC environment variable");
  });

  test("takes no interpreter flags", async () => {
    const { folder, proof } = hostileFolder();
    for (const argv of [
      ["-e", "1"],
      ["--preload", "./evil.js"],
      ["run", "./evil.js"],
      ["./evil.js"],
    ]) {
      const { exitCode } = await spawnAegis(argv, { cwd: folder, env: { BUN_BE_BUN: "1" } });
      expect({ argv, failed: exitCode !== 0 }).toEqual({ argv, failed: true });
    }
    expect(existsSync(proof)).toBe(false);
  });
});

describe("a working folder that was deleted", () => {
  // Before the first line of ours, so docs/cli.md tells of it. Leading the engine to the folder by
  // another name (--cwd=/proc/self/cwd) would end every run in a folder that aegis may not enter.
  test.each([["--version"], ["status"], ["run --quiet -- touch proof"]])(
    "ends aegis %s with status 1 and says why",
    async (line) => {
      const folder = tempDir("gone");
      const gone = join(folder, "d");
      mkdirSync(gone);
      const home = tempDir("home");
      const child = Bun.spawn(
        ["sh", "-c", 'rmdir "$PWD"; "$@"', "sh", aegisBinary(), ...line.split(" ")],
        { cwd: gone, env: cleanEnvironment({ HOME: home }), stdio: ["ignore", "pipe", "pipe"] },
      );
      const [said, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect({ said, exitCode: await child.exited }).toEqual({ said: "", exitCode: 1 });
      expect(stderr).toStartWith("error: The current working directory was deleted");
      expect(stderr).toContain("cd into a different directory");
      expect([readdirSync(folder), readdirSync(home)]).toEqual([[], []]);
    },
    testMs,
  );
});

describe("aegis run", () => {
  /** Programs of these names must not be looked for, wherever they lie. */
  const helperNames = ["aegis-helper", "aegis-helper-x86_64", "aegis-helper-aarch64", "helper"];

  testWith(
    ["landlock", "seccomp"],
    "takes its helper from itself, not from PATH or the folder",
    async () => {
      const { folder, proof } = hostileFolder();
      const path = tempDir("path");
      for (const name of helperNames)
        for (const place of [folder, path])
          writeFileSync(join(place, name), `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 });
      const env = { PATH: `${path}:.:/usr/bin:/bin` };
      const { stdout, exitCode } = await spawnAegis(["run", "--quiet", "--", "echo", "boxed"], {
        cwd: folder,
        env,
      });
      expect({ stdout, exitCode }).toEqual({ stdout: "boxed\n", exitCode: 0 });
      expect(existsSync(proof)).toBe(false);
    },
  );

  testWith(["landlock", "seccomp"], "opens no debugger", async () => {
    const port = freePort();
    const script = "echo ready; read line";
    const child = Bun.spawn([aegisBinary(), "run", "--quiet", "--", "sh", "-c", script], {
      cwd: tempDir("cwd"),
      env: cleanEnvironment({ BUN_INSPECT: `ws://127.0.0.1:${port}/x` }),
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { value } = await child.stdout.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toBe("ready\n");
    expect(await canConnect(port)).toBe(false);
    child.stdin.write("\n");
    child.stdin.end();
    expect(await child.exited).toBe(0);
    expect(await child.stderr.text()).toBe("");
  });

  testWith(["landlock", "seccomp"], "hands the runtime's switches to no command", async () => {
    const switches = { BUN_BE_BUN: "1", BUN_OPTIONS: "--smol", BUN_INSPECT: "127.0.0.1:9" };
    const env = { ...switches, KEPT: "1" };
    const { stdout } = await spawnAegis(["run", "--quiet", "--env", "KEPT", "--", "env"], { env });
    const names = stdout.split("\n").map((line) => line.split("=")[0] ?? "");
    expect(names).toContain("KEPT");
    expect(names.filter((name) => name in switches)).toEqual([]);
  });

  testWith(
    ["landlock", "seccomp", "userns"],
    "works with a read-only HOME and a noexec /tmp when AEGIS_HOME can be written",
    async () => {
      const cwd = tempDir("cwd");
      const outcome = await onHardMachine(["run", "--quiet", "--", "echo", "boxed"], {
        cwd,
        state: tempDir("state"),
      });
      expect(outcome).toMatchObject({ stdout: "boxed\n", exitCode: 0 });
    },
  );

  testWith(
    ["landlock", "seccomp", "userns"],
    "says which folder it cannot write when HOME is read-only, and runs nothing",
    async () => {
      const outcome = await onHardMachine(["run", "--quiet", "--", "echo", "boxed"], {
        cwd: tempDir("cwd"),
        state: undefined,
      });
      expect(outcome).toMatchObject({ stdout: "", exitCode: 125 });
      expect(outcome.stderr).toMatch(/^error: .*\/\.aegis/);
      expect(outcome.stderr).toContain("hint: ");
    },
  );

  /** Runs aegis where HOME is mounted read-only and /tmp noexec; `state` becomes AEGIS_HOME. */
  async function onHardMachine(
    args: readonly string[],
    { cwd, state }: { cwd: string; state: string | undefined },
  ): Promise<{ stdout: string; stderr: string; exitCode: number }> {
    const home = tempDir("home");
    mkdirSync(join(home, "project"));
    const hardened = "remount,bind,noexec,nosuid,nodev";
    const setUp = [
      "mount --rbind /tmp /tmp",
      `mount -o ${hardened} /tmp`,
      'mount --bind "$HOME" "$HOME"',
      'mount -o remount,bind,ro "$HOME"',
      "mount -t tmpfs none /mnt",
      'cp "$BINARY" /mnt/aegis',
      'cd "$PWD"',
      'exec setpriv --inh-caps=-all --ambient-caps=-all /mnt/aegis "$@"',
    ].join(" && ");
    const argv = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"];
    const child = Bun.spawn([...argv, "sh", "-c", setUp, "sh", ...args], {
      cwd,
      env: {
        PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
        HOME: home,
        BINARY: aegisBinary(),
        ...(state === undefined ? {} : { AEGIS_HOME: state }),
      },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: programMs,
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    expect(readdirSync(home)).toEqual(["project"]);
    return { stdout, stderr, exitCode };
  }
});

async function canConnect(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    socket.end();
    return true;
  } catch {
    // ignored: nobody listening is one of the two answers
    return false;
  }
}
