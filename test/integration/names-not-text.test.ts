// Files whose names are no text, from the box to the ledger, its readers and other policies.

import { afterAll, expect, test } from "bun:test";
import { settings } from "../support/box.ts";
import { makeScene, removeScenes, runIn } from "../support/in-setting.ts";
import { testMs } from "../support/patience.ts";

afterAll(removeScenes);

interface Row {
  readonly action: string;
  readonly path: string;
  readonly count: number;
}

test(
  "three names are three rows, which another policy judges like the box did",
  async () => {
    const [setting] = settings();
    if (setting === undefined) throw new Error("there is no setting");
    const scene = makeScene(setting);
    const { home, ws: work } = scene;
    const aegis = (...args: readonly string[]) => runIn(scene, args);
    const script =
      `for name in "q\\377" "q\\376" "q\\375"; do echo x > "$(printf "$name")"; done; ` +
      'cat "$HOME/$(printf "s\\377")"; ' +
      'for i in $(seq 3000); do grep "\ufffdff" "$AEGIS_DENIED_LOG" && break; sleep 0.02; done';
    const { stdout } = await aegis("run", "--quiet", "--", "sh", "-c", script);
    expect(JSON.parse(stdout)).toMatchObject({
      path: `${home}/s\ufffdff`,
      grant: `--read ${home}`,
    });
    const shown = await aegis("log", "--json", "--last", "1000");
    const { entries } = JSON.parse(shown.stdout) as {
      entries: { session_id: string; payload: Row }[];
    };
    const rows = entries
      .map(({ payload }) => payload)
      .filter(({ action, path }) => action === "FileWrite" && path.startsWith(`${work}/q`))
      .map(({ path, count }) => [path, count]);
    const spelled = ["fd", "fe", "ff"].map((byte) => `${work}/q\ufffd${byte}`);
    expect(rows).toEqual(spelled.map((path) => [path, 1]));
    const session = entries[0]?.session_id ?? "";
    const replayed = await aegis("replay", session, "--policy", "workspace", "--json");
    expect(JSON.parse(replayed.stdout)).toMatchObject({ changes: [] });
    const told = await aegis("policy", "explain", "FileWrite", spelled[0] ?? "");
    expect(told.stdout).toStartWith("Allow: FileWrite");
    const other = await aegis("policy", "explain", "FileWrite", `${work}/q\ufffd`);
    expect(other.stdout).toContain("the name is not valid text");
  },
  testMs,
);
