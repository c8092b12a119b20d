// Following a ledger that nothing is recorded in yet: whoever looks first sees the first run whole.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { aegisBinary, cleanEnvironment, spawnAegis, waitFor } from "../support/harness.ts";
import { recordSessions } from "../support/recorded.ts";
import { tempDir } from "../support/temp.ts";

async function followed(args: readonly string[]): Promise<string> {
  const state = join(tempDir("home"), "state");
  const child = Bun.spawn([aegisBinary(), ...args], {
    env: cleanEnvironment({ AEGIS_HOME: state }),
    stdout: "pipe",
    stderr: "pipe",
  });
  let [text, told] = ["", ""];
  const reading = Promise.all([
    (async () => {
      for await (const chunk of child.stdout) text += Buffer.from(chunk).toString();
    })(),
    (async () => {
      for await (const chunk of child.stderr) told += Buffer.from(chunk).toString();
    })(),
  ]);
  try {
    await waitFor("the note", () => told.includes("note: nothing is recorded yet; waiting for "));
    expect(existsSync(state)).toBe(false);
    await recordSessions(state);
    const closed = /SESSION_CLOSED|SessionClosed/g;
    await waitFor("the end of both sessions", () => text.match(closed)?.length === 2);
  } finally {
    child.kill();
  }
  await reading;
  return text;
}

for (const [args, opened] of [
  [["log", "--follow", "--json", "--last", "1"], /SESSION_OPENED/g],
  [["audit", "watch", "--json"], /SESSION_OPENED/g],
  [["audit", "export", "--follow"], /SessionOpened/g],
] as const) {
  test(`aegis ${args.join(" ")} waits for the first run, and has all of it`, async () => {
    expect((await followed(args)).match(opened)?.length).toBe(2);
  });
}

test("a session that is asked for is not waited for", async () => {
  const env = { AEGIS_HOME: join(tempDir("home"), "state") };
  const outcome = await spawnAegis(["audit", "watch", "--session", "7f1c2a90"], { env });
  expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
  expect(outcome.stderr).toContain("not found");
});
