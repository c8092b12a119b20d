// What the helper records: every call once, with the path it really leads to, and nothing lost.

import { describe, expect } from "bun:test";
import { linkSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodePlan } from "../../src/bridge/encode-plan.ts";
import type { AccessFrame } from "../../src/bridge/frame.ts";
import { spawnHelper } from "../../src/bridge/helper.ts";
import { testWith } from "../support/features.ts";
import {
  allBut,
  allNamespaces,
  audited,
  type BoxPlan,
  forbid,
  planFor,
  runBox,
  runShell,
  testHelper,
  testProgram,
  told,
} from "../support/helper-box.ts";
import { tempDir } from "../support/temp.ts";

const settings: readonly [name: string, plan: BoxPlan][] = [
  ["with every namespace", { namespaces: allNamespaces(), mounts: [{ kind: "proc" }] }],
  ["without namespaces", {}],
];

/** A folder with a file, a link to it, a folder and a link to that. */
function workspace(): string {
  const folder = tempDir("audit");
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "file"), "content");
  writeFileSync(join(folder, "sub/secret"), "content");
  symlinkSync("file", join(folder, "link"));
  symlinkSync("sub", join(folder, "sublink"));
  symlinkSync("link", join(folder, "link2"));
  return folder;
}

for (const [setting, plan] of settings) {
  const needs = plan.namespaces === undefined ? (["seccomp"] as const) : (["userns"] as const);
  describe(setting, () => {
    const cases: [script: string, rows: string[]][] = [
      [": <file", ["+ FileRead $/file"]],
      [": <./sub/../file", ["+ FileRead $/file"]],
      [": <link2", ["+ FileRead $/file"]],
      [": <sublink/secret", ["+ FileRead $/sub/secret"]],
      ["cd sub; : <../file", ["+ FileRead $/file"]],
      [": >file", ["+ FileWrite $/file"]],
      [": >new", ["+ FileWrite $/new"]],
      [": >sublink/new", ["+ FileWrite $/sub/new"]],
      [": >>link", ["+ FileWrite $/file"]],
      [": <>file", ["+ FileWrite $/file"]],
      [": <missing", []],
      [": <sub/missing/deeper", []],
      ["ls sub", ["+ DirList $/sub"]],
      ["rm link", ["+ FileDelete $/link"]],
      ["rm missing", []],
      ["mkdir sub/new", ["+ DirCreate $/sub/new"]],
      ["mkdir sub", []],
      ["rmdir sub/", ["+ FileDelete $/sub"]],
      ["mv file moved", ["+ FileDelete $/file", "+ FileWrite $/moved"]],
      ["mv -T sub moved", ["+ FileDelete $/sub", "+ FileWrite $/moved"]],
      ["ln file hard", ["+ FileRead $/file", "+ FileWrite $/hard"]],
      ["ln -s file soft", ["+ FileWrite $/soft"]],
      ["mkfifo pipe", ["+ FileWrite $/pipe"]],
      ["chmod 600 link2", ["+ FileWrite $/file"]],
      ["truncate -s 1 file", ["+ FileWrite $/file"]],
      ["touch -h link", ["+ FileWrite $/link"]],
      ["stat link >/dev/null; test -e file", ["+ FileWrite /dev/null"]],
      ["sub/secret", []],
      [": </proc/self/fd/0", []],
    ];
    for (const [script, rows] of cases) {
      testWith(
        needs,
        `"${script}" is ${rows.length === 0 ? "no access" : rows.join(", ")}`,
        async () => {
          const folder = workspace();
          const run = await runShell(script, { ...audited(), ...plan, directory: folder });
          const expected = rows.map((row) => row.replace("$", folder));
          expect(told(run.rows).filter((row) => row !== "+ FileRead /dev/null")).toEqual(expected);
        },
      );
    }

    testWith(needs, "5,000 opens are 5,000 rows", async () => {
      const folder = workspace();
      const { rows } = await runShell(`${testProgram("act")} opens 5000 link`, {
        ...audited(),
        ...plan,
        directory: folder,
      });
      expect(rows.filter((row) => row.path === join(folder, "file")).length).toBe(5000);
    });

    testWith(needs, "200 threads in open at once are 200 rows", async () => {
      const folder = workspace();
      const file = join(folder, "file");
      const { rows, output } = await runShell(`${testProgram("act")} threads 200 ${file}`, {
        ...audited(),
        ...plan,
      });
      expect(output).toBe("0 failed\n");
      const seen = rows.filter((row) => row.path === file);
      expect(seen.length).toBe(200);
      expect(new Set(seen.map((row) => row.pid)).size).toBe(200);
    });

    testWith(needs, "500 children are 500 rows and all are let through", async () => {
      const folder = workspace();
      const file = join(folder, "file");
      const { rows, output } = await runShell(`${testProgram("act")} forks 500 ${file}`, {
        ...audited(),
        ...plan,
      });
      expect(output).toBe("500 good\n");
      expect(rows.filter((row) => row.path === file).length).toBe(500);
    });

    for (const [what, links, row] of [
      ["a link", "ln -s $gone/a/key l", "- FileRead $/gone/a/key"],
      ["a link to a link", "ln -s gone/a/key k; ln -s k l", "- FileRead $/gone/a/key"],
      ["a link above", "ln -s gone/a d; ln -s d/b/key l", "- FileRead $/gone/a/b/key"],
      ["a link to elsewhere", "ln -s other/a/key l", undefined],
    ] as const) {
      testWith(needs, `${what} into nothing is judged by what it leads to`, async () => {
        const folder = workspace();
        const rules = allBut(forbid(join(folder, "gone"), "FileRead"));
        const script = `gone=${folder}/gone; ${links}; cat l 2>/dev/null`;
        const run = await runShell(script, { ...audited(), ...plan, rules, directory: folder });
        const denied = told(run.rows).filter((text) => text.startsWith("-"));
        expect(denied).toEqual(row === undefined ? [] : [row.replace("$", folder)]);
      });
    }

    testWith(needs, "a denied access fails, is recorded, and its neighbour is not", async () => {
      const folder = workspace();
      const rules = allBut(forbid(join(folder, "sub"), "FileRead", "DirList"));
      const { rows, output } = await runShell(
        "cat sub/secret; cat sublink/secret; ls sub; cat file; echo x >sub/new",
        { ...audited({ rules }), ...plan, directory: folder },
      );
      expect(output).toBe(
        "cat: sub/secret: Permission denied\ncat: sublink/secret: Permission denied\n" +
          "ls: cannot open directory 'sub': Permission denied\ncontent",
      );
      expect(told(rows)).toEqual([
        `- FileRead ${folder}/sub/secret`,
        `- FileRead ${folder}/sub/secret`,
        `- DirList ${folder}/sub`,
        `+ FileRead ${folder}/file`,
        `+ FileWrite ${folder}/sub/new`,
      ]);
      expect(rows.filter((row) => !row.allowed).map((row) => row.rule)).toEqual([0, 0, 0]);
    });
  });
}

function only(rows: readonly AccessFrame[], path: string): AccessFrame[] {
  return rows.filter((row) => row.path === path);
}

describe("a row", () => {
  testWith(
    ["seccomp"],
    "says who, by which call, with which flags, and what was asked",
    async () => {
      const folder = workspace();
      const file = join(folder, "file");
      const before = Date.now();
      const { rows } = await runShell("cat ./link", { ...audited(), directory: folder });
      const [row] = only(rows, file);
      expect(row).toMatchObject({
        action: "FileRead",
        allowed: true,
        rule: 0,
        requested: "./link",
        exe: realpathSync("/bin/cat"),
        port: undefined,
      });
      expect(row?.tsUnixMs).toBeGreaterThanOrEqual(before - 1);
      expect(row?.tsUnixMs).toBeLessThanOrEqual(Date.now() + 1);
    },
  );

  testWith(
    ["seccomp"],
    "names each program by itself, also after exec in the same process",
    async () => {
      const { rows } = await runShell("exec /bin/sh -c 'exec cat /dev/null'", audited());
      const spawns = rows.filter((row) => row.action === "ProcessSpawn");
      expect(spawns.map((row) => [row.exe, row.path])).toEqual([
        [realpathSync("/bin/sh"), realpathSync("/bin/sh")],
        [realpathSync("/bin/sh"), realpathSync("/bin/cat")],
      ]);
      expect(only(rows, "/dev/null").map((row) => row.exe)).toEqual([realpathSync("/bin/cat")]);
    },
  );

  testWith(
    ["seccomp"],
    "is not written for what is allowed when only denials are wanted",
    async () => {
      const folder = workspace();
      const plan = audited({ rules: allBut(forbid(join(folder, "sub"), "FileRead")) });
      const notify =
        plan.notify === undefined ? undefined : { ...plan.notify, recordAllowed: false };
      const { frames } = await runBox(["/bin/sh", "-c", "cat file sub/secret >/dev/null 2>&1"], {
        ...plan,
        notify,
        directory: folder,
      });
      expect(told(frames.filter((frame) => frame.kind === "access"))).toEqual([
        `- FileRead ${folder}/sub/secret`,
      ]);
    },
  );
});

describe("paths that are hard to read", () => {
  const act = (...words: string[]) =>
    runShell(`${testProgram("act")} ${words.join(" ")}`, audited());

  for (const name of ["page-end", "page-cross"]) {
    testWith(["seccomp"], `${name}: is read whole`, async () => {
      const file = join(workspace(), "file");
      const { rows, output } = await act(name, file);
      expect(output).toBe("ok\n");
      expect(only(rows, file).length).toBe(1);
    });
  }

  testWith(["seccomp"], "a pointer to nowhere fails as it does without a box", async () => {
    const { rows, output } = await act("bad-pointer");
    expect(output).toBe("EFAULT\n");
    expect(rows.at(-1)).toMatchObject({ path: "?", allowed: false, action: "FileRead" });
  });

  testWith(["seccomp"], "a path that is too long fails as it does without a box", async () => {
    expect((await act("long-path")).output).toBe("ENAMETOOLONG\n");
  });

  testWith(
    ["seccomp"],
    "a process nobody may look into is denied, and that is recorded",
    async () => {
      const { rows, output } = await act("not-dumpable", "/etc/passwd");
      expect(output).toBe("EACCES\n");
      expect(rows.at(-1)).toMatchObject({ path: "?", allowed: false, rule: undefined });
    },
  );

  testWith(["seccomp"], "a descriptor and a name", async () => {
    const folder = workspace();
    const { rows, output } = await act("at", join(folder, "sublink"), "secret");
    expect(output).toBe("ok\n");
    expect(only(rows, join(folder, "sub/secret"))).toMatchObject([{ requested: "secret" }]);
  });

  testWith(["seccomp"], "a link in /proc to a descriptor is the file it stands for", async () => {
    const folder = workspace();
    const secret = join(folder, "sub/secret");
    const rules = allBut(forbid(secret, "FileRead"));
    const words = `${testProgram("act")} reopen ${secret} 0`;
    const denied = await runShell(words, audited({ rules }));
    expect(denied.output).toBe("EACCES\n");
    expect(told(denied.rows)).toContain(`- FileRead ${secret}`);
    expect((await runShell(words, audited())).output).toBe("ok\n");
  });

  testWith(["seccomp"], "/proc/self and /dev/fd are the caller's", async () => {
    const folder = workspace();
    const script = `exec 7<file; cat /dev/fd/7 /proc/self/fd/7 /proc/thread-self/fd/7
      head -c 3 /proc/self/comm`;
    const { rows, output } = await runShell(script, { ...audited(), directory: folder });
    expect(output).toBe("contentcontentcontenthea");
    expect(only(rows, join(folder, "file")).length).toBe(4);
    expect(rows.filter((row) => /^\/proc\/\d+\/comm$/.test(row.path)).length).toBe(1);
  });
});

describe("names that move", () => {
  testWith(
    ["seccomp"],
    "a file the policy hides cannot be moved or linked into sight",
    async () => {
      const folder = workspace();
      const rules = allBut(forbid(join(folder, "sub/secret"), "FileRead"));
      const { output, rows } = await runShell(
        "mv sub/secret shown; ln sub/secret shown; ln file other && mv other again && cat again",
        { ...audited({ rules }), directory: folder },
      );
      expect(output).toContain("mv: cannot move");
      expect(output).toContain("ln: failed to create");
      expect(output).toEndWith("content");
      expect(told(rows).filter((row) => row.startsWith("-"))).toEqual([
        `- FileRead ${folder}/sub/secret`,
        `- FileRead ${folder}/sub/secret`,
      ]);
    },
  );

  testWith(
    ["seccomp"],
    "a folder with a protected name below it stays, and none takes its place",
    async () => {
      const folder = workspace();
      mkdirSync(join(folder, "repo/.git/hooks"), { recursive: true });
      mkdirSync(join(folder, "evil/hooks"), { recursive: true });
      const rules = allBut(forbid(join(folder, "repo/.git/hooks"), "FileWrite"));
      const script = `mv repo gone; mv repo/.git gone; mv evil repo/.git2; rm -r repo/.git
      mv repo/.git2 repo/.git; mv sub kept && ls kept`;
      const { output, rows } = await runShell(script, { ...audited({ rules }), directory: folder });
      expect(output.trim().split("\n").at(-1)).toBe("secret");
      expect(told(rows).filter((row) => row.startsWith("-"))).toEqual([
        `- FileDelete ${folder}/repo`,
        `- FileDelete ${folder}/repo/.git`,
        `- FileWrite ${folder}/repo/.git`,
      ]);
    },
  );

  testWith(["seccomp"], "what a pattern hides does not leave with its folder", async () => {
    const folder = workspace();
    mkdirSync(join(folder, "a/private"), { recursive: true });
    writeFileSync(join(folder, "a/private/key"), "content");
    const rules = allBut({
      effect: "forbid",
      actions: ["FileRead"],
      where: [{ kind: "path-like", parts: [`${folder}/`, "/private/", ""], negated: false }],
    });
    const script = "mv a/private a/shown; mv a b; mv sub free; ls";
    const { output } = await runShell(script, { ...audited({ rules }), directory: folder });
    // Still hidden where it is: a/private stays, a itself may go, for the pattern holds in b too.
    expect(output).toContain("cannot move 'a/private'");
    expect(output.trim().split("\n").slice(-6)).toEqual([
      "b",
      "file",
      "free",
      "link",
      "link2",
      "sublink",
    ]);
  });
});

testWith(["seccomp"], "2 MB of frames arrive whole however slowly they are read", async () => {
  const folder = workspace();
  const long = join(folder, "d".repeat(200));
  linkSync(join(folder, "file"), long);
  const plan = planFor(
    ["/bin/sh", "-c", `${testProgram("act")} opens 8000 ${long} >/dev/null`],
    audited(),
  );
  let rows = 0;
  let batches = 0;
  const running = spawnHelper(await testHelper(), {
    plan: encodePlan(plan),
    onFrames: async (frames) => {
      rows += frames.filter((frame) => frame.kind === "access" && frame.path === long).length;
      batches += 1;
      if (batches < 20) await new Promise((resolve) => setImmediate(resolve));
    },
  });
  expect((await running.exited).status).toBe(0);
  expect(rows).toBe(8000);
  expect(batches).toBeGreaterThan(20);
});

testWith(["seccomp"], "a reader that fails ends the box", async () => {
  const running = spawnHelper(await testHelper(), {
    plan: encodePlan(planFor(["/bin/sleep", "1000"], audited())),
    onFrames: () => {
      throw new Error("the ledger is full");
    },
  });
  await expect(running.exited).rejects.toThrow("the ledger is full");
});
