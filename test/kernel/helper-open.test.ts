// Opens the helper performs in the caller's place: with notify bit 8 the rules alone decide, here
// without Landlock or a mount beneath them.

import { describe, expect } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JudgeRule } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import {
  allBut,
  allNamespaces,
  audited,
  runShell,
  testProgram,
  told,
} from "../support/helper-box.ts";
import { tempDir } from "../support/temp.ts";

const act = testProgram("act");
const attack = testProgram("attack");
const O = { RDONLY: 0, WRONLY: 1, RDWR: 2, CREAT: 0o100, TRUNC: 0o1000, PATH: 0o10000000 };

function furnish(): string {
  const folder = tempDir("open");
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "file"), "content");
  writeFileSync(join(folder, "key.pem"), "secret");
  symlinkSync("file", join(folder, "link"));
  symlinkSync("key.pem", join(folder, "alias"));
  return folder;
}

async function play(script: string, rules: readonly JudgeRule[] = allBut(), folder = furnish()) {
  const plan = { ...audited({ open: true, rules }), directory: folder };
  const { rows, output } = await runShell(script, plan);
  return { folder, output, rows: told(rows).map((row) => row.replace(folder, "$")) };
}

/** `**` + `/*.pem`, wherever and whenever. */
const noKeys: JudgeRule = {
  effect: "forbid",
  actions: ["FileRead", "FileWrite"],
  where: [{ kind: "path-like", parts: ["/", ".pem"], negated: false }],
};

describe("what exists", () => {
  const flags: [name: string, words: string, output: string][] = [
    ["reading", `file ${O.RDONLY} 0`, "ok kept"],
    ["closed on exec", `file ${0o2000000} 0`, "ok cloexec"],
    ["a folder", `sub ${0o200000} 0`, "ok kept"],
    ["a file as a folder", `file ${0o200000} 0`, "ENOTDIR"],
    ["a folder to write", `sub ${O.RDWR} 0`, "EISDIR"],
    ["a link not followed", `link ${0o400000} 0`, "ELOOP"],
    ["a slash behind a file", "file/ 0 0", "ENOTDIR"],
    ["nothing", "missing 0 0", "ENOENT"],
    ["the empty name", "'' 0 0", "ENOENT"],
    ["truncating", `file ${O.WRONLY | O.TRUNC} 0`, "ok kept"],
    ["a path descriptor", `file ${O.PATH} 0`, "ok kept"],
    ["the null device", "/dev/null 2 0", "ok kept"],
    ["a process file", "/proc/self/status 0 0", "ok kept"],
    ["its own memory", "/proc/self/mem 0 0", "ok kept"],
  ];
  for (const [name, words, output] of flags) {
    testWith(["seccomp"], `${name}: ${output}, as without a box`, async () => {
      expect((await play(`${act} open ${words}`)).output).toBe(`${output}\n`);
      const bare = Bun.spawnSync(["/bin/sh", "-c", `${act} open ${words}`], { cwd: furnish() });
      expect(bare.stdout.toString()).toBe(`${output}\n`);
    });
  }

  testWith(["seccomp"], "the row names what was opened, the bytes are the file's", async () => {
    const { output, rows } = await play("cat link; exec 5<file; cat /dev/fd/5; echo x >>file");
    expect(output).toBe("contentcontent");
    const read = "+ FileRead $/file";
    expect(rows).toEqual([read, read, read, "+ FileWrite $/file"]);
  });

  testWith(
    ["seccomp"],
    "a pattern holds for files made later, under any name for them",
    async () => {
      const script = `cat key.pem alias sub/../key.pem; echo x >new.pem; cp file new.txt
      ln -s /proc/self/cwd/key.pem l; cat l; ${act} reopen key.pem 0; cat new.txt`;
      const { output, folder } = await play(script, allBut(noKeys));
      expect(output).not.toContain("secret");
      expect(output).toEndWith("EACCES\ncontent");
      expect(readFileSync(join(folder, "key.pem"), "utf8")).toBe("secret");
      expect((await play("cat key.pem alias")).output).toBe("secretsecret");
    },
  );

  testWith(["seccomp"], "a file that has lost its name keeps what was said of it", async () => {
    const script = `${act} reopen-gone key.pem`;
    expect((await play(script, allBut(noKeys))).output).toBe("EACCES\n");
    expect((await play(script)).output).toBe("ok\n");
    expect((await play("echo a >'x (deleted)'; cat 'x (deleted)'")).output).toBe("a\n");
  });

  testWith(["seccomp"], "memory without a name is opened again", async () => {
    expect((await play(`${act} reopen-memory`)).output).toBe("ok\n");
  });
});

describe("an attacker who changes the path after it was judged", () => {
  testWith(["seccomp"], "never reads the forbidden file", async () => {
    const folder = tempDir("race");
    for (const name of ["a.txt", "b.pem"]) writeFileSync(join(folder, name), name);
    const script = (rounds: number) =>
      `${attack} swap-read ${folder}/a.txt ${folder}/b.pem ${rounds}`;
    const held = await play(script(20_000), allBut(noKeys), folder);
    expect(held.output).toBe("not there\n");
    expect(held.rows.some((row) => row === "- FileRead $/b.pem")).toBe(true);
    // The same attack on a helper that only looks gets there, so it is an attack.
    const plan = { ...audited({ rules: allBut(noKeys) }), directory: folder };
    expect((await runShell(script(1_000_000), plan)).output).toBe("there\n");
  });
});

describe("the broker itself", () => {
  const script = `for file in fd/0 fd/4 fd/5 fd/6 fd/7 fd/8 mem environ maps exe cwd/etc/passwd; do
      ${act} open /proc/1/$file 0 0; ${act} open /proc/1/$file 2 0; ${act} open /proc/1/$file 66 600
      ${act} open2 /proc/1/$file 0 0; ${act} open /proc/1/task/1/$file 0 0
    done; ls /proc/1/fd/; cat /proc/1/task/*/environ
    for id in 2 3 4 5 6 7 8; do cat /proc/$id/environ; done | tr '\\0' '\\n' | grep -c HOLD`;
  for (const open of [true, false]) {
    testWith(["seccomp", "userns"], `hands out nothing of its own (bit 8: ${open})`, async () => {
      const plan = {
        ...audited(open ? { open } : { broker: true }),
        namespaces: allNamespaces(),
        mounts: [{ kind: "proc" }] as const,
      };
      const { output } = await runShell(script, plan);
      expect(output).not.toMatch(/^ok/m);
      const seen = await runShell("cat /proc/1/comm; ls /proc/1 >/dev/null && echo seen", plan);
      expect(seen.output).toEndWith("seen\n");
    });
  }
});
