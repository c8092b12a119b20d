// Signals that somebody sends to aegis alone, as process managers do: the command gets each once
// and may handle it, and the session has its end. What a terminal sends is in terminal.test.ts.

import { expect } from "bun:test";
import { testWith } from "../../support/features.ts";
import { aegisBinary, cleanEnvironment, spawnAegis, waitFor } from "../../support/harness.ts";
import { programMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const names = ["INT", "QUIT", "USR1", "USR2", "TERM", "HUP"] as const;
const script = `${names.map((name) => `trap 'echo ${name}' ${name}`).join("; ")}
echo ready
while :; do sleep 0.05; done`;

for (const mode of ["run", "wrap"]) {
  testWith(needs, `${mode} hands signals on to the command`, async () => {
    const env = { HOME: tempDir("home") };
    // In a session of its own: no terminal's ^C can reach it.
    const child = Bun.spawn(
      ["setsid", aegisBinary(), mode, "--json", "--name", "told", "--", "sh", "-c", script],
      {
        cwd: tempDir("work"),
        env: cleanEnvironment(env),
        stdio: ["ignore", "pipe", "pipe"],
        timeout: programMs,
      },
    );
    let said = "";
    const reading = (async () => {
      for await (const chunk of child.stderr) said += Buffer.from(chunk).toString();
    })();
    try {
      await waitFor("the command", () => said.includes("ready\n"));
      for (const name of names) {
        process.kill(child.pid, `SIG${name}`);
        await waitFor(name, () => said.includes(`${name}\n`));
      }
      expect(said).toBe(`ready\n${names.map((name) => `${name}\n`).join("")}`);
    } finally {
      process.kill(child.pid, "SIGKILL");
      await child.exited;
    }
    await reading;
  });
}

testWith(needs, "a command that a signal ends has its end in the ledger", async () => {
  const env = { HOME: tempDir("home") };
  const child = Bun.spawn(
    ["setsid", aegisBinary(), "run", "--json", "--", "sh", "-c", "echo ready >&2; exec sleep 60"],
    {
      cwd: tempDir("work"),
      env: cleanEnvironment(env),
      stdio: ["ignore", "pipe", "pipe"],
      timeout: programMs,
    },
  );
  const first = await child.stderr.getReader().read();
  expect(Buffer.from(first.value ?? []).toString()).toBe("ready\n");
  process.kill(child.pid, "SIGINT");
  const report = JSON.parse(await child.stdout.text());
  expect([await child.exited, report.status, report.signal]).toEqual([130, 130, 2]);
  const verified = await spawnAegis(["audit", "verify", "--json"], { env });
  expect(JSON.parse(verified.stdout)).toMatchObject({ valid: true, unclosed_sessions: [] });
});
