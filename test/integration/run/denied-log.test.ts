// AEGIS_DENIED_LOG: a command reads its own denials while it runs, and cannot change, replace or
// remove the file, whatever it was granted.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { settings } from "../../support/box.ts";
import { makeScene, own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";

afterAll(removeScenes);

/** Waits for a line about `$1` in the file, then prints the file. */
const waitForLine = `for i in $(seq 3000); do grep -q "$1" "$AEGIS_DENIED_LOG" && break; sleep 0.02; done; cat "$AEGIS_DENIED_LOG"`;

interface Line {
  readonly operation: string;
  readonly path?: string;
  readonly rule: string | null;
  readonly grant: string | null;
  readonly program: string;
  readonly event: { readonly session: string; readonly seq: number };
}

function lines(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

async function run(scene: Scene, flags: readonly string[], script: string, ...args: string[]) {
  return runIn(scene, ["run", "--quiet", ...flags, "--", "sh", "-c", script, "sh", ...args]);
}

for (const setting of settings()) {
  // Without namespaces a box without network is refused, and so are protected names.
  const isBare = setting.name.endsWith("no namespaces");
  const flags = isBare ? ["--allow-weaker"] : [];

  describe(setting.name, () => {
    test("each denial is a line with its rule, its smallest grant and its row", async () => {
      const scene = makeScene(setting);
      const secret = `${scene.home}/secret`;
      writeFileSync(secret, "x");
      own(scene, secret);
      const { stdout } = await run(scene, flags, `cat "$1"; ${waitForLine}`, secret);
      const line = lines(stdout).find(({ path }) => path === secret);
      expect(line).toMatchObject({
        operation: "FileRead",
        rule: null,
        grant: `--read ${secret}`,
        program: expect.stringContaining("cat"),
      });
      const { session = "", seq = -1 } = line?.event ?? {};
      const shown = await runIn(scene, ["log", "--json", "--session", session, "--last", "1000"]);
      expect(shown.stdout).toContain(secret);
      expect(seq).toBeGreaterThan(0);
    });

    test.each([
      ["removing a file", "file", 'rm "$1"'],
      ["removing a folder", "folder", 'rmdir "$1"'],
      ["running a program", "program", '"$1"'],
      ["removing a credential", ".netrc", 'rm -f "$1" 2>&1; test ! -e "$1"'],
    ])("%s: what the line tells allows it", async (_, name, act) => {
      const scene = makeScene(setting);
      const place = `${scene.home}/place`;
      mkdirSync(`${place}/folder`, { recursive: true });
      writeFileSync(`${place}/file`, "x");
      writeFileSync(`${place}/program`, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
      writeFileSync(`${scene.home}/.netrc`, "x");
      own(scene, scene.home);
      const path = name === ".netrc" ? `${scene.home}/${name}` : `${place}/${name}`;
      const [policy, granted] = [`${scene.ws}/granted.cedar`, [...flags]];
      const { stdout } = await run(scene, flags, `${act}; ${waitForLine}`, path);
      const { grant = "" } = lines(stdout).find((line) => line.path === path) ?? {};
      const [flag, text = ""] = (grant ?? "").split(/(?:^| and )the policy line /);
      expect([flag, text], stdout).not.toEqual(["", ""]);
      if (flag) granted.push(...flag.split(" "));
      writeFileSync(policy, text);
      const given = ["--policy", "workspace", ...(text ? ["--policy", policy] : []), ...granted];
      const again = await run(scene, given, act, path);
      expect([again.exitCode, again.stderr], grant ?? "").toEqual([0, ""]);
    });

    test("the file is the launch's own and gone with it", async () => {
      const scene = makeScene(setting);
      const first = await run(
        scene,
        flags,
        'echo "$AEGIS_DENIED_LOG"; test -r "$AEGIS_DENIED_LOG"',
      );
      const second = await run(
        scene,
        flags,
        'cat "$1" || echo "$AEGIS_DENIED_LOG"',
        first.stdout.trim(),
      );
      expect([first.exitCode, first.stdout.startsWith("/")]).toEqual([0, true]);
      expect(second.stdout).not.toBe(first.stdout);
      expect(readdirSync(`${scene.home}/.aegis/run`)).toEqual([]);
      expect(statSync(`${scene.home}/.aegis/run`).mode & 0o777).toBe(0o700);
    });

    const attacks: readonly (readonly [name: string, script: string])[] = [
      ["append", 'echo x >> "$F"'],
      ["truncate", 'truncate -s 0 "$F"'],
      ["remove", 'rm -f "$F"'],
      ["move", 'mv "$F" ./moved'],
      ["move its folder", 'mv "$(dirname "$F")" ./moved'],
      ["replace", 'echo x > ./new; mv -f ./new "$F"'],
      ["link", 'ln "$F" ./linked && echo x >> ./linked'],
      ["list beside it", 'ls "$(dirname "$(dirname "$F")")"'],
    ];
    test.each(attacks)("no grant lets the command %s", async (name, script) => {
      const scene = makeScene(setting);
      // Everything the person has may be changed, where a kernel can leave out a folder of it.
      const wide = isBare || name === "list beside it" ? flags : [...flags, "--write", scene.home];
      const check = 'cat "$F" > /dev/null && ! grep -q "^x" "$F" && echo intact';
      const { stdout, stderr } = await run(
        scene,
        wide,
        `F="$AEGIS_DENIED_LOG"; ${script}; echo "status $?"; ${check}`,
      );
      expect(stdout, stderr).toMatch(/^status [1-9]\d*\nintact\n$/);
    });

    test("a rule against reading the state of aegis is not undone", async () => {
      const scene = makeScene(setting);
      const closed = [...flags, "--deny", `${scene.home}/.aegis`];
      const { stdout } = await run(scene, closed, 'echo "[$AEGIS_DENIED_LOG]"');
      expect(stdout).toBe("[]\n");
    });

    test("a kept plan shows each launch its own file", async () => {
      const scene = makeScene(setting);
      const script = `cat "$1"; ${waitForLine}`;
      await run(scene, flags, script, `${scene.home}/first`);
      expect(existsSync(`${scene.home}/.aegis/cache/plans`)).toBe(true);
      const again = await run(scene, flags, script, `${scene.home}/again`);
      const told = lines(again.stdout).map(({ path }) => path);
      expect(told).toContain(`${scene.home}/again`);
      expect(told).not.toContain(`${scene.home}/first`);
    });
  });
}

test("a watched command is not told: nothing is denied to it", async () => {
  const [setting] = settings();
  if (setting === undefined) throw new Error("there is no setting to run in");
  const { stdout } = await runIn(makeScene(setting), [
    "wrap",
    "--quiet",
    "--",
    "sh",
    "-c",
    'echo "[$AEGIS_DENIED_LOG]"',
  ]);
  expect(stdout).toBe("[]\n");
});
