// The folder a configuration's policy lies in: one that is missing or empty denies everything, one
// that cannot be read ends the launch.

import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { giveToPlainUser, type Outcome, spawnAegis } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

const permit = "permit(principal, action, resource);\n";

interface Place {
  readonly policies: string;
  readonly file: string;
  aegis(...args: string[]): Promise<Outcome>;
}

/** A configuration `agent` that permits everything, of an account that permissions bind. */
async function configured(): Promise<Place> {
  const home = tempDir("home");
  const project = tempDir("project");
  for (const each of [home, project]) giveToPlainUser(each);
  const aegis = (...args: string[]) =>
    spawnAegis(args, { env: { HOME: home }, cwd: project, asPlainUser: true });
  const init = await aegis("init", "agent", "--dir", project, "--policy", "permit-all");
  expect([init.exitCode, init.stderr]).toEqual([0, ""]);
  const own = join(home, ".aegis/agent");
  return { policies: join(own, "policies"), file: join(own, "aegis.toml"), aegis };
}

const run = ["run", "--config", "agent", "--", "true"] as const;

describe("a folder of policies that is not there", () => {
  test("denies everything, and says which folder and what would help", async () => {
    const { aegis, policies } = await configured();
    expect((await aegis(...run)).exitCode).toBe(0);
    rmSync(policies, { recursive: true });
    const { exitCode, stderr } = await aegis(...run);
    expect(exitCode).toBe(126);
    expect(stderr).toContain("denied ProcessSpawn");
    const told = `there is no policy folder "${policies}", so everything is denied`;
    expect(stderr.split("\n").filter((line) => line.includes(told))).toEqual([
      `aegis: ${told}; make it with \`aegis policy import FILE --config agent\``,
    ]);
  });
  test("is no way around what it forbade: flags and manifests open nothing", async () => {
    const { aegis, policies } = await configured();
    rmSync(policies, { recursive: true });
    for (const flags of [
      ["--read", "/"],
      ["--profile", "python"],
    ]) {
      const { exitCode } = await aegis("run", "--config", "agent", ...flags, "--", "true");
      expect(exitCode).toBe(126);
    }
  });
  test("beside one that is there still denies everything", async () => {
    const { aegis, file, policies } = await configured();
    const gone = `${policies}-of-all`;
    const text = await Bun.file(file).text();
    writeFileSync(file, text.replace(`["${policies}"]`, `["${policies}", "${gone}"]`));
    const refused = await aegis(...run);
    expect(refused.exitCode).toBe(126);
    expect(refused.stderr).toContain(`there is no policy folder "${gone}"`);
    mkdirSync(gone, { mode: 0o755 });
    giveToPlainUser(gone);
    const allowed = await aegis(...run);
    expect([allowed.exitCode, allowed.stderr]).toEqual([
      0,
      expect.not.stringContaining("policy folder"),
    ]);
  });
  test("denies what is asked about, and is listed", async () => {
    const { aegis, policies } = await configured();
    const question = ["FileRead", "/etc/passwd", "--config", "agent"];
    expect((await aegis("policy", "test", ...question)).stdout).toContain("Allow");
    rmSync(policies, { recursive: true });
    const warning = `warning: there is no policy folder "${policies}", so everything is denied`;
    for (const [name, said] of [
      ["test", "Deny"],
      ["explain", "Deny: FileRead /etc/passwd"],
      ["list", "No policy files: everything is denied."],
    ] as const) {
      const args = name === "list" ? ["agent"] : question;
      const { exitCode, stdout, stderr } = await aegis("policy", name, ...args);
      expect([name, exitCode, stdout]).toEqual([name, 0, expect.stringContaining(said)]);
      expect(stderr).toStartWith(warning);
    }
    expect((await aegis("status", "agent")).stdout).toMatch(/^Policies: +MISSING$/m);
  });
  test("is made by an import, which ends the warning", async () => {
    const { aegis, policies } = await configured();
    rmSync(policies, { recursive: true });
    const text = join(tempDir("policy"), "own.cedar");
    writeFileSync(text, permit, { mode: 0o644 });
    chmodSync(join(text, ".."), 0o755);
    expect((await aegis("policy", "import", text, "--config", "agent")).exitCode).toBe(0);
    const { exitCode, stderr } = await aegis(...run);
    expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining("policy folder")]);
  });
  test("is a mistake where it was typed: such a policy is not found", async () => {
    const { aegis } = await configured();
    const typed = await aegis("run", "--policy", "./nowhere", "--", "true");
    expect([typed.exitCode, typed.stderr]).toEqual([125, expect.stringContaining("nowhere")]);
    const validated = await aegis("policy", "validate", "./nowhere");
    expect([validated.exitCode, validated.stderr]).toEqual([
      1,
      expect.stringContaining("there is no such template or file"),
    ]);
  });
});

describe("a folder of policies without one", () => {
  test("denies everything, and says so", async () => {
    const { aegis, policies } = await configured();
    rmSync(join(policies, "default.cedar"));
    const { exitCode, stderr } = await aegis(...run);
    expect(exitCode).toBe(126);
    expect(stderr).toContain(
      `aegis: there is no .cedar file in "${policies}", so everything is denied; `,
    );
    const named = await aegis("run", "--config", "agent", "--policy", "permit-all", "--", "true");
    expect([named.exitCode, named.stderr]).toEqual([0, expect.not.stringContaining(".cedar file")]);
  });
});

describe("a policy of a folder that cannot be read", () => {
  const rows: readonly [string, (path: string) => void, string][] = [
    [
      "a link to nothing",
      (path) => symlinkSync("/nonexistent/org.cedar", path),
      "leads to nothing",
    ],
    ["a folder", (path) => mkdirSync(path), "it is no file"],
    ["a pipe", (path) => Bun.spawnSync(["mkfifo", path]), "it is no file"],
    ["of another user", (path) => writeFileSync(path, "", { mode: 0o600 }), "EACCES"],
  ];
  test.each(rows)("%s ends the launch: what it forbids is not known", async (_, make, why) => {
    const { aegis, policies } = await configured();
    const path = join(policies, "organisation.cedar");
    make(path);
    for (const args of [run, ["run", "--policy", policies, "--", "true"]]) {
      const { exitCode, stderr } = await aegis(...args);
      expect([exitCode, stderr]).toEqual([125, expect.stringContaining(`"${path}"`)]);
      expect(stderr).toContain(why);
      expect(stderr).toContain("\nhint: ");
    }
    rmSync(path, { recursive: true });
    symlinkSync("default.cedar", path);
    expect((await aegis(...run)).exitCode).toBe(0);
  });
});

describe("a folder of policies that cannot be read", () => {
  test("ends the launch, whatever lies in it", async () => {
    const { aegis, policies } = await configured();
    chmodSync(policies, 0o000);
    for (const args of [run, ["policy", "test", "FileRead", "/etc/passwd", "--config", "agent"]]) {
      const { exitCode, stdout, stderr } = await aegis(...args);
      expect([exitCode, stdout]).toEqual([args === run ? 125 : 1, ""]);
      expect(stderr).toStartWith(`error: Cannot read the policy folder "${policies}": `);
      expect(stderr).toContain("permission denied");
    }
    const status = await aegis("status", "agent");
    expect([status.exitCode, status.stdout]).toEqual([
      0,
      expect.stringMatching(/^Policies: +ERROR - Cannot read the policy folder/m),
    ]);
    chmodSync(policies, 0o700);
    expect((await aegis(...run)).exitCode).toBe(0);
  });
  test("ends the launch when it is a file, also one with a policy", async () => {
    const { aegis, policies } = await configured();
    rmSync(policies, { recursive: true });
    writeFileSync(policies, permit, { mode: 0o644 });
    const { exitCode, stderr } = await aegis(...run);
    expect([exitCode, stderr]).toEqual([
      125,
      expect.stringContaining(`Cannot read the policy folder "${policies}": it is no folder`),
    ]);
    const list = await aegis("policy", "list", "agent");
    expect([list.exitCode, list.stderr]).toEqual([1, expect.stringContaining("it is no folder")]);
  });
});
