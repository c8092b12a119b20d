// `aegis run --dry-run`: a discarded run leaves every byte as it was, a committed one leaves what
// the same command leaves without it, and where the kernel cannot keep them apart nothing runs.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, linkSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { settings } from "../../support/box.ts";
import { dry, filled, type Report, treeOf } from "../../support/dry-run.ts";
import { cleanEnvironment, isRoot } from "../../support/harness.ts";
import { own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";
import { testMs } from "../../support/patience.ts";

afterAll(removeScenes);

const scripts: Readonly<Record<string, string>> = {
  "a new file": "echo new > new",
  "a changed file": "echo more >> b",
  "a file replaced by rename": "echo next > .b; mv .b b",
  "a deleted file": "rm b",
  "a deleted tree": "rm -r tree",
  "a tree made anew": "rm -r tree && mkdir tree && echo x > tree/9",
  "a renamed file": "mv b moved",
  "a renamed folder": "mv moving elsewhere",
  "a folder with a file": "mkdir -p n/m && echo x > n/m/x",
  "a folder nobody may enter": "mkdir z && echo x > z/x && chmod 500 z",
  "a mode": "chmod 700 d && chmod 711 sub",
  "a link": "ln -s /nowhere l && ln -sfn b link",
  "a file in place of a folder": "rm -r tree && echo x > tree",
  "a folder in place of a file": "rm b && mkdir b && echo x > b/x",
  "a file with holes": "truncate -s 300000 hole && printf end >> hole",
  "names that look odd": `touch -- '-x' 'a b' "$(printf 'new\\nline')"`,
  "one of two names": "rm twice && echo more >> d",
  "a thousand files": "mkdir m && for i in $(seq 1000); do echo $i > m/$i; done",
};

for (const setting of settings().filter(({ name }) => !name.endsWith("no namespaces"))) {
  describe(setting.name, () => {
    for (const [name, script] of Object.entries(scripts)) {
      test(
        `${name}: discarded it is as it was, committed it is as without a dry run`,
        async () => {
          const real = filled(setting);
          const scene = filled(setting);
          const done = await runIn(real, ["run", "--", "sh", "-c", script]);
          const before = treeOf(scene.ws, true);
          const discarded = await dry(scene, ["--discard"], script);
          expect({ exit: discarded.exitCode, stderr: discarded.stderr }).toMatchObject({
            exit: done.exitCode,
            stderr: expect.stringContaining("discarded every change"),
          });
          expect(treeOf(scene.ws, true)).toEqual(before);
          const committed = await dry(scene, ["--commit"], script);
          expect(committed.stderr).toContain("aegis: committed ");
          expect(treeOf(scene.ws)).toEqual(treeOf(real.ws));
          expect(readdirSync(`${scene.home}/.aegis/run`)).toEqual([]);
        },
        testMs,
      );
    }

    test("the list has kinds and sizes, and what only looked changed is not in it", async () => {
      const scene = filled(setting);
      const script =
        "echo new > new; echo more >> b; rm d; chmod 700 a; touch -r same t && cp -p same s2 && cat s2 > same; touch -r t same; rm t s2";
      const { stdout } = await dry(scene, ["--discard", "--json"], script);
      const { dry_run } = JSON.parse(stdout) as Report;
      expect(
        dry_run.changes.map((each) => [each.kind, each.path, each.size_before, each.size_after]),
      ).toEqual([
        ["attributes", `${scene.ws}/a`, 2, 2],
        ["changed", `${scene.ws}/b`, 2, 7],
        ["deleted", `${scene.ws}/d`, 2, null],
        ["added", `${scene.ws}/new`, null, 4],
      ]);
      expect(dry_run.decision).toBe("discard");
    });

    test("without a terminal and a flag every change is discarded, and said so", async () => {
      const scene = filled(setting);
      const { stderr } = await dry(scene, ["--quiet"], "printf 'x' > \"$(printf 'a\\033[2J')\"");
      expect(stderr).toContain("aegis: discarded every change");
      expect(stderr).toContain("a\\x1b[2J");
      expect(existsSync(`${scene.ws}/a\x1b[2J`)).toBe(false);
    });

    test("extended attributes are carried over, the overlay's own are not", async () => {
      const scene = filled(setting);
      const script = `python3 -c "import os; os.setxattr('d', 'user.key', b'value'); os.mkdir('n'); os.setxattr('n', 'user.k', b'')"`;
      const { stderr } = await dry(
        scene,
        ["--commit"],
        `${script}; rm -r tree; mkdir tree; mv b c`,
      );
      expect(stderr).toContain("committed ");
      const names = `import os; print([os.listxattr(x) for x in ['d', 'n', 'tree', 'c']], os.getxattr('d', 'user.key'))`;
      const { stdout } = Bun.spawnSync(["python3", "-c", names], { cwd: scene.ws });
      expect(stdout.toString()).toBe("[['user.key'], ['user.k'], [], []] b'value'\n");
    });

    test("a protected name, a denied file and a second name of it stay out of reach", async () => {
      const scene = filled(setting);
      for (const path of ["secret", "other"]) {
        writeFileSync(`${scene.ws}/${path}`, path);
        own(scene, `${scene.ws}/${path}`);
      }
      linkSync(`${scene.ws}/secret`, `${scene.ws}/alias`);
      linkSync(`${scene.ws}/other`, `${scene.ws}/alias2`);
      Bun.spawnSync(setting.through(["git", "init", "-q", scene.ws]));
      Bun.sleepSync(20);
      const script =
        "cat secret; cat alias; mv alias x; cat x; cp alias y; cat alias2; echo e > .git/hooks/pre-commit; echo e > .bashrc; true";
      // A pattern takes a broker that opens, and with it comes the look at other names.
      const flags = ["--deny", "**/secret"];
      const outside = await runIn(scene, [
        "run",
        ...flags,
        "--",
        "sh",
        "-c",
        "cat alias; cat alias2",
      ]);
      expect(outside.stdout).toBe("other");
      const { stdout } = await dry(scene, ["--commit", ...flags], script);
      expect(stdout).toBe("other");
      expect(existsSync(`${scene.ws}/.git/hooks/pre-commit`)).toBe(false);
      expect(existsSync(`${scene.ws}/y`) && readFileSync(`${scene.ws}/y`, "utf8")).not.toBe(
        "secret",
      );
    });

    test("--keep makes a tree and a list, and leaves the place as it was", async () => {
      const scene = filled(setting);
      const before = treeOf(scene.ws, true);
      const kept = `${scene.home}/kept`;
      const { exitCode } = await dry(scene, ["--keep", kept], "echo new > sub/new; rm b");
      expect(exitCode).toBe(0);
      expect(treeOf(scene.ws, true)).toEqual(before);
      expect(readFileSync(`${kept}/files${scene.ws}/sub/new`, "utf8")).toBe("new\n");
      expect(readFileSync(`${kept}/changes.json`, "utf8")).toContain('"deleted"');
      expect((await dry(scene, ["--keep", kept], "true")).exitCode).toBe(2);
    });

    test("the ledger says that it was a dry run and what became of it", async () => {
      const scene = filled(setting);
      const { stdout } = await dry(scene, ["--commit", "--json"], "echo new > new; rm b");
      const { session } = JSON.parse(stdout) as Report;
      const log = await runIn(scene, ["log", "--json", "--session", session, "--last", "1000"]);
      expect(log.stdout).toContain('"mode": "dry-run"');
      expect(log.stdout).toMatch(
        /"DRY_RUN",\s+"payload": \{\s+"added": 1,[^}]*"decision": "commit",\s+"deleted": 1/,
      );
      expect((await runIn(scene, ["audit", "verify"])).exitCode).toBe(0);
    });

    test("git commits in a dry run: discarded there is no commit, committed there is", async () => {
      const scene = filled(setting);
      const script =
        "git -c user.name=n -c user.email=e@e add -A && git -c user.name=n -c user.email=e@e commit -qm first";
      Bun.spawnSync(setting.through(["git", "init", "-q", scene.ws]));
      Bun.sleepSync(20);
      const count = () =>
        Bun.spawnSync(setting.through(["git", "-C", scene.ws, "rev-list", "--all", "--count"]), {
          env: cleanEnvironment({ HOME: scene.home }),
        })
          .stdout.toString()
          .trim();
      expect((await dry(scene, ["--discard"], script)).exitCode).toBe(0);
      expect(count()).toBe("0");
      expect((await dry(scene, ["--commit"], script)).exitCode).toBe(0);
      expect(count()).toBe("1");
      const check = ["git", "-C", scene.ws, "fsck", "--strict"];
      expect(Bun.spawnSync(setting.through(check)).exitCode).toBe(0);
    });

    const refusals: readonly [string, (scene: Scene) => readonly string[]][] = [
      ["a file that may be written", ({ home }) => ["--write", `${home}/file`]],
      ["everything that may be written", () => ["--policy", "permit-all"]],
      ["AEGIS_HOME in what may be written", ({ home }) => ["--write", home]],
    ];
    for (const [name, flags] of refusals) {
      test(`${name} is refused before anything runs`, async () => {
        const scene = filled(setting);
        writeFileSync(`${scene.home}/file`, "x");
        own(scene, `${scene.home}/file`);
        const { exitCode, stderr } = await dry(scene, [...flags(scene)], "echo new > new");
        expect({ exitCode, stderr }).toMatchObject({
          exitCode: 125,
          stderr: expect.stringContaining("dry run"),
        });
        expect(existsSync(`${scene.ws}/new`)).toBe(false);
      });
    }

    test("without --dry-run its other flags are refused", async () => {
      const scene = filled(setting);
      const { exitCode } = await runIn(scene, ["run", "--commit", "--", "touch", "new"]);
      expect(exitCode).toBe(2);
      expect((await dry(scene, ["--commit", "--discard"], "touch new")).exitCode).toBe(2);
      expect((await dry(scene, ["--ask"], "touch new")).exitCode).toBe(2);
      expect(existsSync(`${scene.ws}/new`)).toBe(false);
    });
  });
}

for (const setting of settings().filter(({ name }) => name.endsWith("no namespaces"))) {
  test(`${setting.name}: a dry run is refused, and nothing is written`, async () => {
    const scene = filled(setting);
    chmodSync(scene.ws, isRoot() ? 0o777 : 0o700);
    const { exitCode, stderr } = await dry(scene, ["--allow-weaker"], "echo new > new");
    expect(exitCode).toBe(125);
    expect(stderr).toContain("dry run");
    expect(existsSync(`${scene.ws}/new`)).toBe(false);
    const real = await runIn(scene, [
      ...["run", "--allow-weaker", "--", "sh", "-c"],
      "echo new > new",
    ]);
    expect(real.exitCode).toBe(0);
    expect(existsSync(`${scene.ws}/new`)).toBe(true);
  });
}
