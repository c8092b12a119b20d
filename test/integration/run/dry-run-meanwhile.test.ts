// `aegis run --dry-run` when something comes in between: what others change meanwhile is left
// alone, and a launch that is killed loses nothing.

import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { settings } from "../../support/box.ts";
import { filled, heldDry, type Report, treeOf } from "../../support/dry-run.ts";
import { aegisBinary, cleanEnvironment, waitFor } from "../../support/harness.ts";
import { own, removeScenes, runIn } from "../../support/in-setting.ts";

afterAll(removeScenes);

for (const setting of settings().filter(({ name }) => !name.endsWith("no namespaces"))) {
  describe(setting.name, () => {
    test("what was changed by others meanwhile is not overwritten, and kept", async () => {
      const scene = filled(setting);
      const script = "echo box > b; echo box > d; rm -r tree; rm same; mv moving/f a2";
      const { stdout, exitCode } = await heldDry(scene, ["--commit", "--json"], script, () => {
        writeFileSync(`${scene.ws}/b`, "host\n");
        writeFileSync(`${scene.ws}/tree/inner/2`, "host\n");
        rmSync(`${scene.ws}/same`);
      });
      const { dry_run } = JSON.parse(stdout) as Report;
      expect(exitCode).toBe(125);
      expect(dry_run.not_committed.map(({ path }) => path)).toEqual(
        ["a2", "b", "tree"].map((name) => `${scene.ws}/${name}`),
      );
      expect(readFileSync(`${scene.ws}/b`, "utf8")).toBe("host\n");
      expect(readFileSync(`${scene.ws}/tree/1`, "utf8")).toBe("tree/1\n");
      expect(readFileSync(`${scene.ws}/d`, "utf8")).toBe("box\n");
      expect(readFileSync(`${dry_run.kept}/files${scene.ws}/b`, "utf8")).toBe("box\n");
      expect(readFileSync(`${dry_run.kept}/files${scene.ws}/a2`, "utf8")).toBe("moving/f\n");
    });

    test("a folder that became a link meanwhile is not followed", async () => {
      const scene = filled(setting);
      mkdirSync(`${scene.home}/out`);
      own(scene, `${scene.home}/out`);
      const { exitCode } = await heldDry(
        scene,
        ["--commit"],
        "echo box > sub/new; rm sub/c",
        () => {
          renameSync(`${scene.ws}/sub`, `${scene.ws}/sub-was`);
          symlinkSync(`${scene.home}/out`, `${scene.ws}/sub`);
          writeFileSync(`${scene.home}/out/c`, "out");
        },
      );
      expect(exitCode).toBe(125);
      expect(readdirSync(`${scene.home}/out`)).toEqual(["c"]);
      expect(readdirSync(`${scene.ws}/sub-was`).sort()).toEqual(["c", "deep"]);
    });

    test("a folder that took another's name meanwhile is left alone, however old it is", async () => {
      const scene = filled(setting);
      const script = "echo box > sub/c; echo box > sub/deep/e; rm -r sub/deep; echo box > tree/1";
      const { stdout, exitCode } = await heldDry(scene, ["--commit", "--json"], script, () => {
        renameSync(`${scene.ws}/sub`, `${scene.ws}/sub-was`);
        renameSync(`${scene.ws}/moving`, `${scene.ws}/sub`);
      });
      const { dry_run } = JSON.parse(stdout) as Report;
      expect(exitCode).toBe(125);
      expect(dry_run.not_committed).toEqual([
        {
          path: `${scene.ws}/sub/c`,
          why: "the folder is another than it was, or its mode or owner",
        },
      ]);
      expect(readdirSync(`${scene.ws}/sub`)).toEqual(["f"]);
      expect(readFileSync(`${scene.ws}/tree/1`, "utf8")).toBe("box\n");
      expect(readFileSync(`${dry_run.kept}/files${scene.ws}/sub/c`, "utf8")).toBe("box\n");
    });

    test("a commit that is killed is on record, and what it had not come to is kept", async () => {
      const scene = filled(setting);
      const argv = [...["run", "--dry-run", "--commit", "--", "sh", "-c"]];
      const child = Bun.spawn(
        setting.through([aegisBinary(), ...argv, "echo new > 1-new; truncate -s 1T 2-large"]),
        {
          cwd: scene.ws,
          env: cleanEnvironment({ HOME: scene.home }),
          stdio: ["ignore", "ignore", "ignore"],
        },
      );
      const [running, kept] = [`${scene.home}/.aegis/run`, `${scene.home}/.aegis/kept`];
      await waitFor("the first change", () => existsSync(`${scene.ws}/1-new`));
      const pids = new Set(readdirSync(running).map((name) => Number.parseInt(name, 10)));
      for (const pid of pids) process.kill(pid, "SIGKILL");
      await child.exited;
      expect(existsSync(`${scene.ws}/2-large`)).toBe(false);
      const old = Date.now() / 1000 - 48 * 3600;
      for (const name of readdirSync(running)) utimesSync(`${running}/${name}`, old, old);
      await waitFor("a launch that finds the leftovers", async () => {
        await runIn(scene, ["run", "--", "true"]);
        return readdirSync(running).length === 0;
      });
      const [name = ""] = readdirSync(kept);
      const changes = JSON.parse(readFileSync(`${kept}/${name}/changes.json`, "utf8"));
      expect(changes.map(({ path }: { path: string }) => path)).toEqual([
        `${scene.ws}/1-new`,
        `${scene.ws}/2-large`,
      ]);
      const layers = Bun.spawnSync(["find", kept, "-name", "2-large"]).stdout.toString();
      expect(layers.trim().split("\n").length).toBe(1);
      const log = await runIn(scene, ["log", "--json", "--last", "1000"]);
      expect(log.stdout).toContain('"decision": "committing"');
    });

    test("a killed aegis leaves the place as it was, and a later launch removes the rest", async () => {
      const scene = filled(setting);
      const before = treeOf(scene.ws, true);
      const argv = ["run", "--dry-run", "--commit", "--", "sh", "-c"];
      const script = "mkdir z && chmod 0 z; rm -r tree; echo x > new; echo ready; sleep 20";
      const child = Bun.spawn(setting.through([aegisBinary(), ...argv, script]), {
        cwd: scene.ws,
        env: cleanEnvironment({ HOME: scene.home }),
        stdio: ["ignore", "pipe", "ignore"],
      });
      const reader = child.stdout.getReader();
      await reader.read();
      const running = `${scene.home}/.aegis/run`;
      const pids = new Set(readdirSync(running).map((name) => Number.parseInt(name, 10)));
      for (const pid of pids) process.kill(pid, "SIGKILL");
      await child.exited;
      expect(treeOf(scene.ws, true)).toEqual(before);
      const left = readdirSync(running);
      expect(left.length).toBeGreaterThan(0);
      const old = Date.now() / 1000 - 48 * 3600;
      for (const name of left) utimesSync(`${running}/${name}`, old, old);
      await waitFor("a launch that finds the leftovers", async () => {
        await runIn(scene, ["run", "--", "true"]);
        return readdirSync(running).length === 0;
      });
      expect(treeOf(scene.ws, true)).toEqual(before);
    });
  });
}
