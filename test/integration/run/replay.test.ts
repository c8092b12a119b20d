// `aegis replay` on the built binary: which verdicts another policy changes, and which it does not.

import { afterAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { replayReport } from "../../../src/wire/replay.ts";
import { settings } from "../../support/box.ts";
import { makeScene, own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";

afterAll(removeScenes);

const env = { PATH: "/usr/local/bin:/usr/bin:/bin" };
const [setting] = settings();
if (setting === undefined) throw new Error("there is no setting to run in");

/** A session that reads one file it may and one it may not. */
async function record(): Promise<{ scene: Scene; session: string; data: string; note: string }> {
  const scene = makeScene(setting as NonNullable<typeof setting>);
  const [data, note] = [`${scene.home}/data.txt`, `${scene.ws}/note.txt`];
  writeFileSync(data, "data");
  writeFileSync(note, "note");
  own(scene, scene.home);
  own(scene, scene.ws);
  const run = await runIn(scene, ["run", "--json", "--", "cat", note, data, data], { env });
  return { scene, session: JSON.parse(run.stdout).session, data, note };
}

describe("aegis replay", () => {
  test("the same policy changes nothing", async () => {
    const { scene, session } = await record();
    const same = await runIn(scene, ["replay", session, "--policy", "workspace", "--strict-exit"], {
      env,
    });
    expect([same.exitCode, same.stdout, same.stderr]).toEqual([
      0,
      expect.stringMatching(/^\d+ accesses: 0 would be denied now, 0 would be allowed now\n$/),
      "",
    ]);
  });

  test("a wider and a narrower policy change exactly what they speak of", async () => {
    const { scene, session, data, note } = await record();
    const flags = ["--policy", "workspace", "--read", data, "--deny", note];
    const { exitCode, stdout } = await runIn(scene, ["replay", session, ...flags, "--json"], {
      env,
    });
    const report = replayReport.parse(JSON.parse(stdout));
    expect(exitCode).toBe(0);
    expect([report.session, report.now_allowed, report.now_denied, report.unlisted]).toEqual([
      session,
      2,
      1,
      0,
    ]);
    const told = report.changes.map(({ resource, before, after, rule, count }) => [
      resource,
      before,
      after,
      rule,
      count,
    ]);
    expect(told).toEqual([
      [note, "allow", "deny", "flag:--deny", 1],
      [data, "deny", "allow", "flag:--read", 2],
    ]);
    const text = await runIn(scene, ["replay", session.slice(-8), ...flags, "--strict-exit"], {
      env,
    });
    expect(text.exitCode).toBe(1);
    expect(text.stdout).toContain(`deny -> allow  FileRead ${data} (2 times)\n`);
    expect(text.stdout).toContain(`allow -> deny  FileRead ${note}\n`);
  });

  test("a session that is not there, or a policy that is wrong, is an error", async () => {
    const { scene, session } = await record();
    writeFileSync(`${scene.ws}/bad.cedar`, "permit(");
    own(scene, `${scene.ws}/bad.cedar`);
    const rows = [
      ["replay", "00000000", "--policy", "workspace"],
      ["replay", session, "--policy", "bad.cedar"],
      ["replay"],
    ];
    const statuses = [];
    for (const words of rows) statuses.push((await runIn(scene, words, { env })).exitCode);
    expect(statuses).toEqual([1, 1, 2]);
  });
});
