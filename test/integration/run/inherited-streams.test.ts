// What a box is started with in its standard streams was opened outside, beside its mounts: through
// it neither a file outside is changed nor a folder's mounts are gone around.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { containers, type Setting, settings } from "../../support/box.ts";
import { aegisBinary, cleanEnvironment } from "../../support/harness.ts";
import { makeScene, own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";
import { programMs, testMs } from "../../support/patience.ts";

afterAll(removeScenes);
setDefaultTimeout(testMs);

/** One that any box can run, whatever is installed beside it. */
const python = "/usr/bin/python3";

const changes = [
  ["fchmod", "os.fchmod(5, 0o777)"],
  ["chmod of the descriptor's name", "os.chmod('/proc/self/fd/5', 0o777)"],
  ["futimens", "os.utime(5, (1, 1))"],
  ["fchown", "os.fchown(5, -1, os.getgid())"],
  ["fsetxattr", "os.setxattr(5, 'user.aegis', b'x')"],
] as const;

function prepare(setting: Setting): Scene {
  const scene = makeScene(setting);
  for (const place of [scene.home, scene.ws]) {
    writeFileSync(`${place}/file`, "content");
    mkdirSync(`${place}/folder`);
    own(scene, `${place}/file`);
    own(scene, `${place}/folder`);
  }
  mkdirSync(`${scene.ws}/closed`);
  writeFileSync(`${scene.ws}/closed/secret`, "secret");
  own(scene, `${scene.ws}/closed`);
  return scene;
}

/** Python does not start on a folder, so it gets the stream as 5. */
const passing = ["sh", "-c", 'exec 5<&0; exec "$0" -c "$1" < /dev/null', python];

/** The box's standard input is `stream`. */
async function runOn(scene: Scene, stream: string, flags: readonly string[], script: string) {
  const run = [aegisBinary(), "run", "--quiet", "--allow-weaker", ...flags, "--", ...passing];
  const shell = ["sh", "-c", `exec "$@" < ${stream}`, "sh", ...run, script];
  const child = Bun.spawn(scene.setting.through(shell), {
    cwd: scene.ws,
    env: cleanEnvironment({ HOME: scene.home }),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: programMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout: stdout.trim(), stderr, exitCode: await child.exited };
}

const lookOf = (path: string) => {
  const { mode, ctimeMs, mtimeMs } = statSync(path);
  return { mode, ctimeMs, mtimeMs };
};
const attempts = (calls: readonly string[]) =>
  [
    "import os",
    ...calls.flatMap((call) => [
      `try:\n  ${call}\n  print('ok')`,
      "except OSError as error:\n  print(error.errno)",
    ]),
  ].join("\n");

describe.skipIf(!existsSync(python))("standard streams", () => {
  for (const setting of [...settings(), ...containers()]) {
    for (const audit of ["full", "off"]) {
      test(`${setting.name}, audit ${audit}: nothing outside is changed through one`, async () => {
        const scene = prepare(setting);
        const script = attempts(changes.map(([, call]) => call));
        for (const name of ["file", "folder"]) {
          const outside = `${scene.home}/${name}`;
          const before = lookOf(outside);
          const refused = await runOn(scene, outside, ["--audit", audit], script);
          expect([name, refused.stdout.split("\n").filter((line) => line === "ok")]).toEqual([
            name,
            [],
          ]);
          expect(lookOf(outside)).toEqual(before);
          const allowed = await runOn(scene, `${scene.ws}/${name}`, ["--audit", audit], script);
          expect([allowed.stderr, name, allowed.stdout.split("\n")]).toEqual([
            "",
            name,
            changes.map(() => "ok"),
          ]);
        }
        const { stdout } = await runIn(scene, ["log", "--json", "--last", "1000"]);
        const { entries } = JSON.parse(stdout) as { entries: { payload: { path?: string } }[] };
        const rows = entries.filter(({ payload }) => payload.path === `${scene.home}/file`);
        expect(rows.at(-1)?.payload).toMatchObject({ action: "FileWrite", decision: "deny" });
      });
    }

    test(`${setting.name}: no mount is gone around through a folder`, async () => {
      const scene = prepare(setting);
      const flags = ["--audit", "off", "--deny", "closed"];
      const script = attempts([
        "print(open('/proc/self/fd/5/closed/secret').read())",
        "print(open('/proc/self/fd/5/file').read())",
        "os.mkdir('made', dir_fd=5)",
      ]);
      const { stdout } = await runOn(scene, scene.ws, flags, script);
      expect(stdout.split("\n")).toEqual([
        expect.stringMatching(/^(2|13)$/),
        "content",
        "ok",
        "ok",
      ]);
    });

    test(`${setting.name}: a file is read and written as before`, async () => {
      const scene = prepare(setting);
      const { stdout } = await runOn(scene, `${scene.home}/file`, [], "print(open(5).read())");
      expect(stdout).toBe("content");
      expect(readFileSync(`${scene.home}/file`, "utf8")).toBe("content");
    });
  }
});
