// A file of the workspace that has another name outside since before the start is not written
// through the box, at whatever audit level and whoever opens; one whose names are all in the
// workspace is. One whose other name may not be read is not read either.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Setting, settings } from "../../support/box.ts";
import { makeScene, own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";
import { testMs } from "../../support/patience.ts";

afterAll(removeScenes);
setDefaultTimeout(testMs);

const attempts = [
  ["appending", "echo more >> $F"],
  ["overwriting", "echo new > $F"],
  ["opening for reading and writing", ": <> $F"],
  ["truncating by path", "perl -e 'truncate($ENV{F}, 0) or die $!'"],
] as const;

interface Row {
  readonly payload: { readonly path?: string; readonly decision?: string; readonly rule?: string };
}

/** `shared` has another name outside, `inner` one more in the workspace. */
function prepare(setting: Setting): Scene {
  const scene = makeScene(setting);
  writeFileSync(`${scene.home}/outside`, "kept");
  linkSync(`${scene.home}/outside`, `${scene.ws}/shared`);
  writeFileSync(`${scene.ws}/inner`, "kept");
  linkSync(`${scene.ws}/inner`, `${scene.ws}/inner2`);
  for (const path of [`${scene.home}/outside`, `${scene.ws}/inner`]) own(scene, path);
  return scene;
}

async function attempt(scene: Scene, audit: string, script: string, file: string) {
  const isBare = scene.setting.name.endsWith("no namespaces");
  const flags = ["--quiet", "--audit", audit, ...(isBare ? ["--allow-weaker"] : [])];
  return runIn(scene, ["run", ...flags, "--", "sh", "-c", `F=${file}; export F; ${script}`]);
}

async function rowsAbout(scene: Scene, path: string): Promise<Row["payload"][]> {
  const { stdout } = await runIn(scene, ["log", "--json", "--last", "1000"]);
  const { entries } = JSON.parse(stdout) as { entries: readonly Row[] };
  return entries.map(({ payload }) => payload).filter((payload) => payload.path === path);
}

for (const setting of settings()) {
  describe(setting.name, () => {
    for (const [what, script] of attempts) {
      test(`${what}: refused with a name outside, recorded, and allowed without`, async () => {
        const scene = prepare(setting);
        const refused = await attempt(scene, "full", script, "shared");
        expect(refused.exitCode).not.toBe(0);
        expect(readFileSync(`${scene.home}/outside`, "utf8")).toBe("kept");
        const rows = await rowsAbout(scene, `${scene.ws}/shared`);
        expect(rows.filter(({ decision }) => decision === "deny")).toMatchObject([
          { rule: "box:several-names" },
        ]);
        const allowed = await attempt(scene, "full", script, "inner");
        expect({ stderr: allowed.stderr, exitCode: allowed.exitCode }).toEqual({
          stderr: "",
          exitCode: 0,
        });
      });
    }

    for (const audit of ["off", "writes"]) {
      test(`with --audit ${audit} as well`, async () => {
        const scene = prepare(setting);
        await attempt(scene, audit, "echo new > $F", "shared");
        await attempt(scene, audit, "perl -e 'truncate($ENV{F}, 0)'", "shared");
        expect(readFileSync(`${scene.home}/outside`, "utf8")).toBe("kept");
        const allowed = await attempt(scene, audit, "echo new > $F", "inner");
        expect(allowed.exitCode).toBe(0);
        expect(readFileSync(`${scene.ws}/inner2`, "utf8")).toBe("new\n");
      });
    }

    test("what may not be read is not read by a name it had before the start", async () => {
      const scene = prepare(setting);
      mkdirSync(`${scene.home}/.ssh`);
      for (const file of [`${scene.home}/.ssh/key`, `${scene.ws}/closed`]) {
        writeFileSync(file, "secret");
        own(scene, file);
      }
      const reads = async (script: string) => {
        const flags = ["--quiet", "--deny", "closed", "--allow-weaker"];
        return (await runIn(scene, ["run", ...flags, "--", "sh", "-c", script])).stdout;
      };
      // Three times: a kept plan must notice a link that is made, and one that is gone.
      const script = "cat by-key by-closed; cat inner2";
      expect(await reads(script)).toBe("kept");
      linkSync(`${scene.home}/.ssh/key`, `${scene.ws}/by-key`);
      expect(await reads(script)).toBe("kept");
      linkSync(`${scene.ws}/closed`, `${scene.ws}/by-closed`);
      rmSync(`${scene.ws}/by-key`);
      expect(await reads(script)).toBe("kept");
      const rows = await rowsAbout(scene, `${scene.ws}/by-closed`);
      expect(rows.filter(({ decision }) => decision === "deny").at(-1)).toMatchObject({
        rule: "flag:--deny",
      });
      rmSync(`${scene.ws}/closed`);
      expect(await reads("cat by-closed")).toBe("secret");
    });

    test("a link that the box makes may be written, and what it leads to read", async () => {
      const scene = prepare(setting);
      const script = "echo one > $F; ln $F other; echo two >> other; cat $F";
      const { stdout, stderr } = await attempt(scene, "full", script, "fresh");
      expect({ stdout, stderr }).toEqual({ stdout: "one\ntwo\n", stderr: "" });
    });
  });
}
