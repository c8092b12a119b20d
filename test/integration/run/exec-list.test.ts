// A list of programs as its users write it: what runs, what is refused before there is a box, what
// a denial advises, and what the ledger keeps.

import { expect } from "bun:test";
import { chmodSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWith } from "../../support/features.ts";
import { type Outcome, spawnAegis } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const home = tempDir("home");
const project = tempDir("project");

async function aegis(...args: string[]): Promise<Outcome> {
  return spawnAegis(args, { env: { HOME: home }, cwd: project });
}

testWith(needs, "a listed program runs, by name and by path; another does not", async () => {
  const run = await aegis("run", "--exec", "sh", "--", "sh", "-c", "echo in; cat /etc/hostname");
  expect(run.stdout).toBe("in\n");
  expect(run.stderr).toContain(`--exec ${realpathSync("/bin/cat")}`);
  const both = ["--exec", "/bin/sh", "--exec", "cat"];
  const twin = await aegis("run", ...both, "--", "sh", "-c", "echo in; cat /etc/hostname");
  expect(twin.stdout).toStartWith("in\n");
  expect([twin.exitCode, twin.stdout.length > 3]).toEqual([0, true]);
});

testWith(needs, "a command that is not listed is refused with what to add", async () => {
  const { exitCode, stderr } = await aegis("run", "--exec", "cat", "--", "sh", "-c", "echo in");
  expect(exitCode).toBe(126);
  expect(stderr).toContain("it is not in the list of programs given by --exec");
  expect(stderr).toContain("hint: add --exec sh");
});

testWith(needs, "a name that is no program is refused", async () => {
  const { exitCode, stderr } = await aegis(
    "run",
    "--exec",
    "true",
    "--exec",
    "no-such-program",
    "--",
    "true",
  );
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain('Cannot find "--exec no-such-program"');
});

testWith(needs, "a script needs its interpreter listed, and the denial says which", async () => {
  writeFileSync(join(project, "script"), "#!/bin/sh\necho script\n");
  chmodSync(join(project, "script"), 0o755);
  const denied = await aegis("run", "--exec", "./script", "--", "./script");
  expect(denied.exitCode).toBe(126);
  expect(denied.stderr).toContain(`--exec ${realpathSync("/bin/sh")}`);
  const twin = await aegis("run", "--exec", "./script", "--exec", "sh", "--", "./script");
  expect([twin.exitCode, twin.stdout]).toEqual([0, "script\n"]);
});

testWith(needs, "a manifest with the key seals as well, whatever policy is beside it", async () => {
  const manifest = join(project, "manifest.json");
  const write = (bins: readonly string[]) =>
    writeFileSync(
      manifest,
      JSON.stringify({
        schema: "aegis.dev/manifest/v0.1",
        name: "agent",
        version: "1",
        publisher: "me",
        permissions: { exec: { allowed_bins: bins } },
        sandbox: { required: true },
      }),
    );
  const run = () =>
    aegis("run", "--policy", "workspace", "--manifest", manifest, "--", "sh", "-c", "cat script");
  write(["sh"]);
  const denied = await run();
  expect(denied.stdout).toBe("");
  expect(denied.stderr).toContain("allowed_bins of the manifest");
  write(["sh", "cat"]);
  expect((await run()).stdout).toContain("echo script");
  write([]);
  const none = await run();
  expect(none.exitCode).toBe(126);
  expect(none.stderr).toContain("permissions.exec.allowed_bins");
});

testWith(needs, "--exec-hash puts the digest of a program into its row", async () => {
  await aegis("run", "--exec-hash", "--name", "hashed", "--", "sh", "-c", "true");
  const log = await aegis("log", "--last", "100", "--json");
  const { entries } = JSON.parse(log.stdout) as {
    entries: readonly { payload: Readonly<Record<string, unknown>> }[];
  };
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync("/bin/sh")).digest("hex");
  const shells = entries.filter(({ payload }) => payload.path === realpathSync("/bin/sh"));
  expect(shells.map(({ payload }) => payload.sha256)).toContain(digest);
});
