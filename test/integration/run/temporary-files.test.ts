// Where a box has its temporary files, in each setting: never in the host's /tmp unless that was
// named, whatever lies in there that is granted; and where it was named, what is written stays.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname } from "node:path";
import { programs, type Setting, settings } from "../../support/box.ts";
import { giveToPlainUser, isRoot, type Outcome, waitFor } from "../../support/harness.ts";
import { makeScene, own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";
import { testMs } from "../../support/patience.ts";
import { removeTree } from "../../support/temp.ts";

setDefaultTimeout(testMs);

const servers: Server[] = [];
const folders: string[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  for (const folder of folders) removeTree(folder);
  removeScenes();
});

/** A folder of /tmp itself, whatever folder tests keep their files in, and a socket in it. */
interface Outside {
  readonly folder: string;
  readonly socket: string;
}

async function makeOutside(scene: Scene): Promise<Outside> {
  const folder = mkdtempSync("/tmp/aegis-outside-");
  folders.push(folder);
  mkdirSync(`${folder}/home`);
  writeFileSync(`${folder}/file`, "outside\n");
  writeFileSync(`${folder}/secret`, "secret\n");
  const socket = `${folder}/socket`;
  const server = createServer((peer) => peer.end());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  chmodSync(socket, 0o777);
  if (scene.setting.isPlain) giveToPlainUser(folder);
  return { folder, socket };
}

function scenes(setting: Setting): Scene {
  const scene = makeScene(setting);
  copyFileSync(programs().attempt, `${scene.ws}/attempt`);
  chmodSync(`${scene.ws}/attempt`, 0o755);
  own(scene, scene.ws);
  return scene;
}

function hasMounts({ name }: Setting): boolean {
  return name === "root" || name === "plain user";
}

interface Asked {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

function inBox(scene: Scene, script: string, asked: Asked = {}): Promise<Outcome> {
  const { flags = [], env = {}, directory = scene.ws } = asked;
  const args = ["run", "--dir", directory, ...flags, "--", "sh", "-c", script];
  return runIn(scene, args, { env: { AEGIS_HOME: `${scene.home}/.aegis`, ...env } });
}

/** What the fixture says of connecting to the socket. */
function connecting(scene: Scene, { socket }: Outside): string {
  return `${scene.ws}/attempt 'unix ${socket}'`;
}

interface CoverageRow {
  readonly protection: string;
  readonly level: string;
  readonly by: string;
}

/** What the one session of a scene says about temporary files. */
async function recordedRow(scene: Scene): Promise<CoverageRow | undefined> {
  const { stdout } = await runIn(scene, ["audit", "export", "--format", "json"]);
  const rows = stdout.replaceAll("\\", "").match(/\{[^{}]*"temporary-files"[^{}]*\}/g) ?? [];
  return rows.map((row) => JSON.parse(row) as CoverageRow).at(-1);
}

for (const setting of settings()) {
  describe(setting.name, () => {
    const grants: readonly (readonly [string, (outside: Outside) => Asked])[] = [
      ["nothing in it is granted", () => ({})],
      ["a file in it may be read", ({ folder }) => ({ flags: ["--read", `${folder}/file`] })],
      ["a folder in it may be read", ({ folder }) => ({ flags: ["--read", folder] })],
      ["a file in it may be written", ({ folder }) => ({ flags: ["--write", `${folder}/file`] })],
      ["a file is to be made in it", ({ folder }) => ({ flags: ["--write", `${folder}/later`] })],
      ["a file is to be made right in it", () => ({ flags: ["--write", "/tmp/aegis-later"] })],
      ["the home lies in it", ({ folder }) => ({ env: { HOME: `${folder}/home` } })],
    ];
    for (const [what, asked] of grants) {
      test(`the host's /tmp is not in reach: ${what}`, async () => {
        const scene = scenes(setting);
        const outside = await makeOutside(scene);
        const script = [
          connecting(scene, outside),
          `echo planted > ${outside.folder}/secret`,
          `echo planted > ${outside.folder}/planted`,
          "echo planted > /tmp/aegis-planted",
          "echo kept > $TMPDIR/mine && cat $TMPDIR/mine",
        ].join("; ");
        const { stdout } = await inBox(scene, script, asked(outside));
        expect(stdout).toMatch(/^\d+ E[A-Z]+\n/);
        expect(stdout).toEndWith("kept\n");
        expect(readFileSync(`${outside.folder}/secret`, "utf8")).toBe("secret\n");
        expect(existsSync(`${outside.folder}/planted`)).toBe(false);
        expect(existsSync("/tmp/aegis-planted")).toBe(false);
      });
    }

    if (!hasMounts(setting)) {
      test("a folder nobody has used for long goes when another one is made", async () => {
        const scene = scenes(setting);
        const { stdout } = await inBox(scene, "printf %s $TMPDIR");
        const base = dirname(stdout);
        const stale = `${base}/${"0".repeat(16)}`;
        mkdirSync(`${stale}/folder`, { recursive: true, mode: 0o700 });
        writeFileSync(`${stale}/folder/file`, "old");
        symlinkSync(scene.ws, `${stale}/link`);
        for (const path of [`${stale}/folder`, `${stale}/link`, stale]) own(scene, path);
        utimesSync(stale, 0, 0);
        // Launches of others may be looking there as well.
        await waitFor("the folder to go", async () => {
          rmSync(`${base}/looked`, { force: true });
          expect((await inBox(scene, "cat attempt > $TMPDIR/mine")).exitCode).toBe(0);
          return !existsSync(stale);
        });
        expect(existsSync(`${scene.ws}/attempt`)).toBe(true);
        expect(existsSync(`${stdout}/mine`)).toBe(true);
      });
    }

    test("what is granted in /tmp is there, at its path, as granted", async () => {
      const scene = scenes(setting);
      const { folder } = await makeOutside(scene);
      const script = `cat ${folder}/file; echo no > ${folder}/file; chmod 600 ${folder}/file`;
      const read = await inBox(scene, script, { flags: ["--read", `${folder}/file`] });
      expect(read.stdout).toBe("outside\n");
      expect(readFileSync(`${folder}/file`, "utf8")).toBe("outside\n");
      const flags = ["--write", `${folder}/file`, "--write", `${folder}/later`];
      const write = `echo yes > ${folder}/file; echo new > ${folder}/later`;
      expect((await inBox(scene, write, { flags })).exitCode).toBe(0);
      expect(readFileSync(`${folder}/file`, "utf8")).toBe("yes\n");
      expect(readFileSync(`${folder}/later`, "utf8")).toBe("new\n");
    });

    test("a socket in /tmp that is granted is connected to", async () => {
      const scene = scenes(setting);
      const outside = await makeOutside(scene);
      const flags = ["--net", `unix:${outside.socket}`];
      const { stdout } = await inBox(scene, connecting(scene, outside), { flags });
      expect(stdout).toMatch(/^\d+ ok\n/);
    });

    test("a workspace and a state folder in /tmp work, and nothing beside them", async () => {
      const scene = scenes(setting);
      const { folder } = await makeOutside(scene);
      const script = `echo made > made; cat ../secret; echo > ${folder}/state/x; echo > $TMPDIR/t`;
      const asked = { directory: `${folder}/home`, env: { AEGIS_HOME: `${folder}/state` } };
      const { stdout } = await inBox(scene, script, asked);
      expect(stdout).toBe("");
      expect(readFileSync(`${folder}/home/made`, "utf8")).toBe("made\n");
      expect(existsSync(`${folder}/state/x`)).toBe(false);
      expect(existsSync(`${folder}/state/ledger.db`)).toBe(true);
    });

    for (const place of ["/tmp", "/dev/shm"]) {
      test(`work in ${place} itself stays, and the run says whose it is`, async () => {
        const scene = scenes(setting);
        const file = `${place}/aegis-work-${crypto.randomUUID()}`;
        folders.push(file);
        const first = await inBox(scene, `echo stays > ${file}`, { directory: place });
        expect(readFileSync(file, "utf8")).toBe("stays\n");
        const isTold = hasMounts(setting);
        expect(first.stderr.includes(`${place} is the host's: it is the working folder`)).toBe(
          isTold,
        );
        const again = await inBox(scene, `cat ${file}`, { directory: place });
        expect(again.stdout).toBe("stays\n");
        // Shared memory has a name that no program can be told another for.
        if (isTold || place === "/tmp") {
          const flags = ["--read", place];
          const reading = await inBox(scene, `cat ${file}; echo no > ${file}`, { flags });
          expect(reading.stdout).toBe("stays\n");
          expect(readFileSync(file, "utf8")).toBe("stays\n");
        }
        const writing = `echo more > ${file}`;
        expect((await inBox(scene, writing, { flags: ["--write", place] })).exitCode).toBe(0);
        expect(readFileSync(file, "utf8")).toBe("more\n");
      });
    }

    test("the record says where temporary files were", async () => {
      const scene = scenes(setting);
      const { stdout } = await inBox(scene, "echo $TMPDIR; echo $XDG_CACHE_HOME");
      const [folder = "", caches] = stdout.trim().split("\n");
      expect(caches).toBe(`${folder}/cache`);
      const row = await recordedRow(scene);
      if (hasMounts(setting)) {
        expect(folder).toBe("/tmp");
        expect(row).toMatchObject({ level: "enforced", by: "private /tmp, private /dev/shm" });
        return;
      }
      expect(row).toMatchObject({ level: "enforced", by: `folder ${folder}` });
      expect(lstatSync(folder).mode & 0o777).toBe(0o700);
    });

    test("the same policy says the same of the record", async () => {
      const scene = scenes(setting);
      const { folder } = await makeOutside(scene);
      const flags = ["--read", folder];
      const script = `echo > $TMPDIR/mine; echo > /tmp/mine; echo > ${folder}/file`;
      await inBox(scene, script, { flags: ["--quiet", ...flags] });
      const { stdout } = await runIn(scene, ["audit", "sessions", "--json"]);
      const [id = ""] = stdout.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/) ?? [];
      const asked = ["replay", id, "--policy", "workspace", ...flags, "--strict-exit"];
      const replayed = await runIn(scene, asked);
      expect([replayed.exitCode, replayed.stdout, replayed.stderr]).toEqual([
        0,
        expect.stringMatching(/^\d+ accesses: 0 would be denied now, 0 would be allowed now\n$/),
        "",
      ]);
    });

    test("--env still decides about TMPDIR", async () => {
      const scene = scenes(setting);
      const { stdout } = await inBox(scene, "echo $TMPDIR", {
        flags: ["--env", "TMPDIR=/elsewhere"],
      });
      expect(stdout).toBe("/elsewhere\n");
    });
  });
}

for (const setting of settings().filter(hasMounts)) {
  test(`${setting.name}: a dry run reads what may be read of /tmp`, async () => {
    const scene = scenes(setting);
    const { folder } = await makeOutside(scene);
    const script = `cat ${folder}/file; echo no > ${folder}/file; echo new > new`;
    const flags = ["--dry-run", "--commit", "--read", `${folder}/file`];
    expect((await inBox(scene, script, { flags })).stdout).toStartWith("outside\n");
    expect(readFileSync(`${folder}/file`, "utf8")).toBe("outside\n");
    expect(readFileSync(`${scene.ws}/new`, "utf8")).toBe("new\n");
  });
}

for (const setting of settings().filter((one) => !hasMounts(one))) {
  describe(`${setting.name}: a folder for temporary files`, () => {
    test("is the same for every run in a workspace, and another's is closed", async () => {
      const [one, other] = [scenes(setting), scenes(setting)];
      const first = await inBox(one, "echo mine > $TMPDIR/mine; echo $TMPDIR");
      const folder = first.stdout.trim();
      expect((await inBox(one, "cat $TMPDIR/mine")).stdout).toBe("mine\n");
      const script = `echo $TMPDIR; cat ${folder}/mine; echo planted > ${folder}/mine`;
      const second = await inBox(other, script);
      expect(second.stdout.trim()).not.toBe(folder);
      expect(second.stdout).not.toContain("mine");
      expect(readFileSync(`${folder}/mine`, "utf8")).toBe("mine\n");
    });

    test("is made again when somebody took it away", async () => {
      const scene = scenes(setting);
      const folder = (await inBox(scene, "echo $TMPDIR")).stdout.trim();
      removeTree(folder);
      expect((await inBox(scene, "echo again > $TMPDIR/x && cat $TMPDIR/x")).stdout).toBe(
        "again\n",
      );
    });

    const planted: readonly (readonly [string, string, (path: string) => void])[] = [
      ["a link", "it is no folder", (path) => symlinkSync("/tmp", path)],
      ["a file", "it is no folder", (path) => writeFileSync(path, "")],
      ["open to others", "it is open to other users", makeOpen],
    ];
    for (const [what, why, plant] of planted) {
      test(`is refused when what is found in its place is ${what}`, async () => {
        const scene = scenes(setting);
        const folder = (await inBox(scene, "echo $TMPDIR")).stdout.trim();
        removeTree(folder);
        plant(folder);
        if (setting.isPlain && what === "open to others") giveToPlainUser(folder);
        folders.push(folder);
        const { exitCode, stderr } = await inBox(scene, "echo ran");
        expect([exitCode, stderr.includes(`Cannot use "${folder}"`), stderr.includes(why)]).toEqual(
          [125, true, true],
        );
      });
    }

    test.if(isRoot())("is refused when it is another user's (needs root)", async () => {
      const scene = scenes(setting);
      const folder = (await inBox(scene, "echo $TMPDIR")).stdout.trim();
      chownSync(folder, 12345, 12345);
      folders.push(folder);
      const { exitCode, stderr } = await inBox(scene, "echo ran");
      expect([exitCode, stderr]).toEqual([125, expect.stringContaining("belongs to user 12345")]);
    });
  });
}

function makeOpen(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o777);
}
