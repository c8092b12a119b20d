// What the command line does only at a terminal: colours, widths, and the one question it asks.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { aegisBinary, cleanEnvironment, spawnAegis } from "../support/harness.ts";
import { recordSessions } from "../support/recorded.ts";
import { tempDir } from "../support/temp.ts";
import { openPane, type Pane } from "./run/terminal-pane.ts";

const home = join(tempDir("home"), "state");
const env = { ...cleanEnvironment({ AEGIS_HOME: home }), AEGIS: aegisBinary() };

describe("at a terminal", () => {
  let pane: Pane;
  beforeAll(async () => {
    await recordSessions(home);
    pane = await openPane({ cwd: tempDir("cwd"), env, launcher: [] });
  });
  afterAll(() => pane.close());

  test("tables fit its width, whatever it is", async () => {
    for (const columns of [60, 100]) {
      pane.resize(columns, 24);
      await pane.clear();
      pane.type('"$AEGIS" log; echo END');
      const screen = await pane.see(/^END$/m);
      const rows = screen.split("\n").filter((line) => / (Allow|Deny) /.test(line));
      expect(rows.length).toBe(6);
      for (const row of rows) expect(row).toMatch(/^[0-9a-f]{8}:\d/);
    }
  });

  test("decisions are coloured, unless NO_COLOR or a pipe says otherwise", async () => {
    pane.resize(100, 24);
    const count = "grep -c $'\\e' out; echo END";
    for (const [command, coloured] of [
      [`script -qc '"$AEGIS" log' out >/dev/null`, 6],
      [`NO_COLOR=1 script -qc '"$AEGIS" log' out >/dev/null`, 0],
      [`"$AEGIS" log > out`, 0],
    ] as const) {
      await pane.clear();
      pane.type(`${command}; ${count}`);
      expect(await pane.see(/^END$/m)).toMatch(new RegExp(`^${coloured}$`, "m"));
    }
  });

  test("use asks which configuration when none is active, and takes no for an answer", async () => {
    for (const name of ["first", "second"]) {
      await spawnAegis(["init", name], { env: { AEGIS_HOME: home } });
    }
    Bun.spawnSync(["rm", join(home, "current")]);
    await pane.clear();
    pane.type('"$AEGIS" use; echo "status $?"');
    await pane.see(/Which configuration/);
    pane.press("C-c");
    await pane.see(/^status [1-9]/m);
    await pane.clear();
    pane.type('"$AEGIS" use; echo "status $?"');
    await pane.see(/Which configuration/);
    pane.press("Down", "Enter");
    expect(await pane.see(/^status 0/m)).toContain("Active configuration: second");
  });
});
