// Files in a box on the real kernel: each kind of access where it is granted and where it is not,
// with the supervisor listening to everything and with it listening to next to nothing, because
// what holds then is Landlock and the mounts alone.

import { expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { has } from "../../src/enforce/linux/features.ts";
import { probe, runBare, runBox, type Setting, settings, testFolder } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { giveToPlainUser } from "../support/harness.ts";
import { forbid, permit, under } from "../support/ir.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

interface World {
  /** Everything is granted here. */
  readonly ws: string;
  /** Read and listed. */
  readonly ro: string;
  /** Nothing is granted. */
  readonly out: string;
}

/** The same little tree three times: a folder with files to read, change, move and remove. */
function makeWorld(setting: Setting): World {
  const base = testFolder(setting);
  const world = { ws: `${base}/ws`, ro: `${base}/ro`, out: `${base}/out` };
  for (const place of Object.values(world)) {
    mkdirSync(`${place}/dir`, { recursive: true });
    mkdirSync(`${place}/empty`);
    for (const name of ["file", "dir/inner", "other", "victim"]) {
      writeFileSync(`${place}/${name}`, "content");
    }
    writeFileSync(`${place}/program`, "#!/bin/true\n");
    chmodSync(`${place}/program`, 0o755);
    symlinkSync(`${place}/file`, `${place}/link`);
  }
  if (setting.isPlain) giveToPlainUser(base);
  return world;
}

function rules({ ws, ro }: World) {
  return [
    permit("all", under(ws)),
    permit("read", under(ro)),
    permit("read ProcessSpawn", under("/usr")),
  ];
}

const isRefused = (answer: string | undefined) => /^(EACCES|EROFS|EPERM|EXDEV)$/.test(answer ?? "");

/**
 * What may be tried in any folder, and where it succeeds: `*` everywhere, `r` where read, `w` in
 * `ws`.
 */
const accesses: readonly (readonly [attempt: string, where: "r" | "w"])[] = [
  ["read %/file", "r"],
  ["read %/dir/inner", "r"],
  ["read %/link", "r"],
  ["list %", "r"],
  ["list %/dir", "r"],
  ["write %/file", "w"],
  ["append %/file", "w"],
  ["write %/link", "w"],
  ["open-create %/file", "w"],
  ["create %/new-1", "w"],
  ["creat %/new-2", "w"],
  ["openat2 %/new-3", "w"],
  ["tmpfile %", "w"],
  ["truncate %/file", "w"],
  ["open-truncate %/file", "w"],
  ["mkdir %/new-dir", "w"],
  ["symlink /etc/passwd %/new-link", "w"],
  ["link %/file %/new-hard", "w"],
  ["fifo %/new-fifo", "w"],
  ["unix-bind %/new-socket", "w"],
  ["rename %/victim %/moved", "w"],
  ["rename %/dir %/moved-dir", "w"],
  ["exchange %/file %/other", "w"],
  ["unlink %/other", "w"],
  ["rmdir %/empty", "w"],
];
/** What Landlock has no right for: held by read-only mounts, or by the supervisor. */
const metadata = ["chmod %/file", "chown %/file", "utime %/file", "chmod %"];

const at = (place: string, attempt: string) => attempt.replaceAll("%", place);

for (const setting of settings()) {
  for (const audit of ["full", "off"] as const) {
    testWith(
      needs,
      `${setting.name}, audit ${audit}: files are open where granted, closed elsewhere`,
      async () => {
        const world = makeWorld(setting);
        const options = { workspace: world.ws, audit };
        for (const [place, open] of [
          [world.ws, "rw"],
          [world.ro, "r"],
          [world.out, ""],
        ] as const) {
          const attempts = accesses.map(([attempt]) => at(place, attempt));
          const before = listing(place);
          const { answers } = await runBox(setting, rules(world), attempts, options);
          const wrong = accesses.flatMap(([, where], index) => {
            const answer = answers[index];
            const isRight = open.includes(where) ? answer === "ok" : isRefused(answer);
            return isRight ? [] : [[attempts[index], answer]];
          });
          expect({ place, wrong }).toEqual({ place, wrong: [] });
          if (open !== "rw") expect(listing(place)).toEqual(before);
        }
      },
    );

    testWith(
      needs,
      `${setting.name}, audit ${audit}: modes, owners and times outside the grants`,
      async () => {
        const world = makeWorld(setting);
        const options = { workspace: world.ws, audit };
        const isHeld = has(probe(setting), "mount namespace") || audit === "full";
        for (const place of [world.ro, world.out]) {
          const attempts = metadata.map((attempt) => at(place, attempt));
          const { answers, planned } = await runBox(setting, rules(world), attempts, options);
          expect([place, answers.every((answer) => isRefused(answer))]).toEqual([place, isHeld]);
          const row = planned.coverage.find(
            ({ protection }) => protection === "filesystem-metadata",
          );
          const weak = audit === "full" ? "weaker" : "absent";
          expect(row?.level).toBe(has(probe(setting), "mount namespace") ? "enforced" : weak);
        }
        const inside = metadata.map((attempt) => at(world.ws, attempt));
        expect((await runBox(setting, rules(world), inside, options)).answers).toEqual(
          inside.map(() => "ok"),
        );
      },
    );
  }

  testWith(needs, `${setting.name}: all of it succeeds without a box`, () => {
    const { out } = makeWorld(setting);
    const attempts = [...accesses.map(([attempt]) => attempt), ...metadata].map((attempt) =>
      at(out, attempt),
    );
    expect(runBare(setting, attempts)).toEqual(attempts.map(() => "ok"));
  });

  testWith(needs, `${setting.name}: no way leads out of a writable folder`, async () => {
    const world = makeWorld(setting);
    const { ws, out, ro } = world;
    symlinkSync(out, `${ws}/escape`);
    symlinkSync(`${out}/none`, `${ws}/dangling`);
    symlinkSync("escape", `${ws}/chain`);
    const attempts = [
      `read ${ws}/escape/file`,
      `read ${ws}/chain/file`,
      `write ${ws}/escape/file`,
      `create ${ws}/escape/new`,
      `open-create ${ws}/dangling`,
      `list ${ws}/escape`,
      `read ${ws}/../out/file`,
      `link ${out}/file ${ws}/stolen`,
      `link ${ro}/file ${ws}/stolen-too`,
      `rename ${out}/file ${ws}/stolen-three`,
      `rename ${ws}/file ${out}/planted`,
      `link ${ws}/file ${out}/planted`,
      `symlink ${ws}/file ${out}/planted`,
      `exchange ${ws}/file ${out}/file`,
      `whiteout ${ws}/file ${ws}/white`,
      `rename ${ws} ${ws}-moved`,
      `device ${ws}/null`,
    ];
    const { answers } = await runBox(setting, rules(world), attempts, { workspace: ws });
    const open = attempts
      .map((attempt, index) => [attempt, answers[index]])
      .filter(([, answer]) => !isRefused(answer));
    expect(open).toEqual([]);
    expect(readdirSync(out).sort()).toEqual([
      "dir",
      "empty",
      "file",
      "link",
      "other",
      "program",
      "victim",
    ]);
    expect(existsSync(`${out}/none`)).toBe(false);
    expect(readFileSync(`${out}/file`, "utf8")).toBe("content");
  });

  testWith(
    needs,
    `${setting.name}: moves inside a writable folder work, also across folders`,
    async () => {
      const world = makeWorld(setting);
      const { ws } = world;
      const attempts = [
        `rename ${ws}/victim ${ws}/dir/victim`,
        `link ${ws}/file ${ws}/dir/hard`,
        `rename ${ws}/dir ${ws}/empty`,
        `read ${ws}/empty/victim`,
      ];
      const { answers } = await runBox(setting, rules(world), attempts, { workspace: ws });
      expect(answers).toEqual(["ok", "ok", "ok", "ok"]);
      expect(statSync(`${ws}/empty/hard`).nlink).toBe(2);
    },
  );

  testWith(
    needs,
    `${setting.name}: what the box gave several names it may write, however they move`,
    async () => {
      const world = makeWorld(setting);
      const { ws, out } = world;
      const kept = [...rules(world), forbid("change", under(`${ws}/dir/.claude`))];
      // The second file's other name was made outside, where nobody may write.
      writeFileSync(`${out}/other-name`, "content");
      linkSync(`${out}/other-name`, `${ws}/shared`);
      const attempts = [
        `link ${ws}/file ${ws}/second`,
        `exchange ${ws}/file ${ws}/empty`,
        `write ${ws}/empty`,
        `exchange ${ws}/file ${ws}/empty`,
        `write ${ws}/file`,
        `rename ${ws}/second ${ws}/file`,
        `write ${ws}/file`,
        `rmdir ${ws}/second`,
        `write ${ws}/second`,
        `exchange ${ws}/shared ${ws}/empty`,
        `exchange ${ws}/shared ${ws}/empty`,
        `write ${ws}/shared`,
      ];
      const { answers } = await runBox(setting, kept, attempts, { workspace: ws });
      const done = ["ok", "ok", "ok", "ok", "ok", "ok", "ok"];
      expect(answers).toEqual([...done, "ENOTDIR", "ok", "ok", "ok", "EACCES"]);
    },
  );

  testWith(needs, `${setting.name}: programs run where they may and nowhere else`, async () => {
    const world = makeWorld(setting);
    const attempts = [
      `exec ${world.ws}/program`,
      `exec ${world.ro}/program`,
      `exec ${world.out}/program`,
    ];
    const { answers } = await runBox(setting, rules(world), attempts, { workspace: world.ws });
    expect(answers).toEqual(["ok", "EACCES", "EACCES"]);
    expect(runBare(setting, attempts)).toEqual(["ok", "ok", "ok"]);
  });

  testWith(
    needs,
    `${setting.name}: anonymous memory is executed only where written files may be`,
    async () => {
      const world = makeWorld(setting);
      const strict = [permit("read change", under(world.ws))];
      const { answers } = await runBox(setting, strict, ["memfd-exec"], { workspace: world.ws });
      expect(answers).toEqual(["ENOSYS"]);
      const [attempt] = ["memfd-exec"];
      expect(runBare(setting, [attempt ?? ""])).toEqual(["ok"]);
    },
  );

  testWith(needs, `${setting.name}: every access is recorded as it was answered`, async () => {
    const world = makeWorld(setting);
    const attempts = [
      `read ${world.ws}/link`,
      `create ${world.ws}/new`,
      `read ${world.out}/file`,
      `unlink ${world.ro}/file`,
      `mkdir ${world.ws}/made`,
      `list ${world.ro}`,
    ];
    const { accesses: rows } = await runBox(setting, rules(world), attempts, {
      workspace: world.ws,
    });
    const seen = rows
      .filter(
        ({ path }) =>
          path.startsWith(world.ws) || path.startsWith(world.ro) || path.startsWith(world.out),
      )
      .map(({ action, path, allowed }) => [action, path, allowed]);
    expect(seen).toEqual([
      ["FileRead", `${world.ws}/file`, true],
      ["FileWrite", `${world.ws}/new`, true],
      ["FileRead", `${world.out}/file`, false],
      ["FileDelete", `${world.ro}/file`, false],
      ["DirCreate", `${world.ws}/made`, true],
      ["DirList", world.ro, true],
    ]);
  });

  testWith(
    needs,
    `${setting.name}: a hard link made before the start is the file itself`,
    async () => {
      // Nobody can tell two names of one file apart; the threat model says so. This pins what
      // happens.
      const world = makeWorld(setting);
      linkSync(`${world.out}/file`, `${world.ws}/second-name`);
      const { answers } = await runBox(setting, rules(world), [`write ${world.ws}/second-name`], {
        workspace: world.ws,
      });
      expect(answers).toEqual(["ok"]);
    },
  );
}

/** Names, sizes and times, to see that nothing happened. */
function listing(place: string): string[] {
  return readdirSync(place, { recursive: true })
    .map(String)
    .sort()
    .map((name) => {
      const found = statSync(`${place}/${name}`);
      return `${name} ${found.mode} ${found.size} ${found.mtimeMs}`;
    });
}
