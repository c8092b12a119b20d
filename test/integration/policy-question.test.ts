// `aegis policy test` is about what a launch would be judged by: where links lead, also for a name
// that is not there yet, and the program that a launch would find.

import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { policyAnswer } from "../../src/wire/policy.ts";
import { spawnAegis } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

const home = tempDir("home");
const folder = join(tempDir("project"), "ws");
mkdirSync(join(folder, "data"), { recursive: true });
mkdirSync(join(folder, "tools"));
symlinkSync("data", join(folder, "link"));
symlinkSync("data/later", join(folder, "dangling"));
writeFileSync(join(folder, "data/file"), "");
for (const name of ["ls", "a-tool"]) writeFileSync(join(folder, name), "");
writeFileSync(join(folder, "tools/a-tool"), "#!/bin/sh\n", { mode: 0o755 });
const policy = join(folder, "..", "policy.cedar");
writeFileSync(
  policy,
  `permit(principal, action, resource)
when { resource in context.workspace } unless { resource in Aegis::Resource::"$workspace/data" };
permit(principal, action == Aegis::Action::"ToolCall", resource);
`,
);

const rows: readonly [action: string, resource: string, path: string, decision: string][] = [
  ["FileRead", "link/file", "%/data/file", "deny"],
  ["FileWrite", "link/new", "%/data/new", "deny"],
  ["FileWrite", "dangling", "%/data/later", "deny"],
  ["DirCreate", "link/deep/new", "%/data/deep/new", "deny"],
  ["FileWrite", "data-2/new", "%/data-2/new", "allow"],
  ["FileDelete", "link", "%/link", "allow"],
  ["FileDelete", "link/file", "%/data/file", "deny"],
  ["ProcessSpawn", "a-tool", "%/tools/a-tool", "allow"],
  ["ProcessSpawn", "./ls", "%/ls", "allow"],
  ["ProcessSpawn", "no-such-tool", "%/no-such-tool", "allow"],
  ["ToolCall", "ls", "ls", "allow"],
];

for (const [action, resource, path, decision] of rows)
  test(`${action} ${resource} is judged as ${path}`, async () => {
    const { stdout, stderr } = await spawnAegis(
      ["policy", "test", action, resource, "--policy", policy, "--json"],
      { cwd: folder, env: { HOME: home, PATH: `${join(folder, "tools")}:/usr/bin:/bin` } },
    );
    expect(stderr).toBe("");
    const answer = policyAnswer.parse(JSON.parse(stdout));
    expect([answer.resource, answer.decision]).toEqual([path.replace("%", folder), decision]);
  });

test("a program named without a folder is the one in PATH, as for a launch", async () => {
  const { stdout } = await spawnAegis(
    ["policy", "test", "ProcessSpawn", "ls", "--policy", policy, "--json"],
    { cwd: folder, env: { HOME: home, PATH: "/usr/bin:/bin" } },
  );
  expect(policyAnswer.parse(JSON.parse(stdout))).toMatchObject({ decision: "deny" });
});

test("--read of what is not there is told, and is no error", async () => {
  const env = { HOME: home, PATH: "/usr/bin:/bin" };
  const told = (path: string) => `--read ${path} grants nothing yet: nothing is at`;
  const missing = join(folder, "nowhere");
  const question = ["policy", "test", "FileRead", missing, "--read"];
  const launch = ["run", "--quiet", "--policy", "permit-all", "--read"];
  for (const [args, behind] of [
    [question, []],
    [launch, ["--", "true"]],
  ] as const) {
    const asked = (path: string) => spawnAegis([...args, path, ...behind], { cwd: folder, env });
    const [gone, there] = [await asked(missing), await asked("data")];
    expect([gone.exitCode, there.exitCode, there.stderr]).toEqual([0, 0, ""]);
    expect(gone.stderr).toContain(`${told(missing)} "${missing}"`);
  }
});
