// Calls the helper performs in the caller's place: they mean what they meant, and nobody can change
// what has been judged.

import { describe, expect } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { JudgeRule } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import { allBut, audited, forbid, runShell, testProgram, told } from "../support/helper-box.ts";
import { tempDir } from "../support/temp.ts";

const act = testProgram("act");
const attack = testProgram("attack");
const contexts = testProgram("contexts");
const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  NONBLOCK: 0o4000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
};

interface Scene {
  readonly folder: string;
  readonly output: string;
  readonly rows: readonly string[];
}

async function play(script: string, rules: readonly JudgeRule[] = allBut()): Promise<Scene> {
  const folder = tempDir("broker");
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "file"), "content");
  symlinkSync("file", join(folder, "link"));
  symlinkSync("sub/born", join(folder, "dangling"));
  return playIn(folder, script, rules);
}

function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o777).toString(8);
}

async function playIn(
  folder: string,
  script: string,
  rules: readonly JudgeRule[] = allBut(),
): Promise<Scene> {
  const plan = { ...audited({ broker: true, rules }), directory: folder, umask: 0o27 };
  const { rows, output } = await runShell(script, plan);
  return { folder, output, rows: told(rows).map((row) => row.replace(folder, "$")) };
}

describe("opening", () => {
  const outcomes: [name: string, words: string, output: string][] = [
    ["a new file", `new ${O.WRONLY | O.CREAT} 666`, "ok kept"],
    ["a new file, closed on exec", `new ${O.WRONLY | O.CREAT | O.CLOEXEC} 666`, "ok cloexec"],
    ["a file that must be new", `new ${O.WRONLY | O.CREAT | O.EXCL} 666`, "ok kept"],
    ["one that is not", `file ${O.WRONLY | O.CREAT | O.EXCL} 666`, "EEXIST"],
    ["a new name that ends in a dot", `new. ${O.RDWR | O.CREAT | O.EXCL} 666`, "ok kept"],
    ["the folder itself as new", `. ${O.WRONLY | O.CREAT | O.EXCL} 666`, "EEXIST"],
    ["a new name with a slash", `new/ ${O.WRONLY | O.CREAT | O.EXCL} 666`, "EISDIR"],
    ["a folder that should be new", `sub ${O.WRONLY | O.CREAT | O.EXCL} 666`, "EEXIST"],
    ["new below a file", `file/new ${O.WRONLY | O.CREAT | O.EXCL} 666`, "ENOTDIR"],
    ["new below nothing", `missing/new ${O.WRONLY | O.CREAT | O.EXCL} 666`, "ENOENT"],
    ["new and 256 bytes", `${"n".repeat(256)} ${O.RDWR | O.CREAT | O.EXCL} 666`, "ENAMETOOLONG"],
    ["a link that should be new", `dangling ${O.WRONLY | O.CREAT | O.EXCL} 666`, "EEXIST"],
    ["what is there", `file ${O.RDWR | O.CREAT} 666`, "ok kept"],
    ["a link to what is there", `link ${O.WRONLY | O.CREAT} 666`, "ok kept"],
    ["a link that is not to be followed", `link ${O.WRONLY | O.CREAT | O.NOFOLLOW} 666`, "ELOOP"],
    ["a link to what is not there", `dangling ${O.WRONLY | O.CREAT} 666`, "ok kept"],
    ["a folder", `sub ${O.WRONLY | O.CREAT} 666`, "EISDIR"],
    ["a name with a slash behind", `new/ ${O.WRONLY | O.CREAT} 666`, "EISDIR"],
    ["a file with a slash behind", `file/ ${O.WRONLY | O.CREAT} 666`, "EISDIR"],
    ["below a file with a slash behind", `file/new/ ${O.WRONLY | O.CREAT} 666`, "ENOTDIR"],
    ["below what is not there", `missing/new ${O.WRONLY | O.CREAT} 666`, "ENOENT"],
    ["below a file", `file/new ${O.WRONLY | O.CREAT} 666`, "ENOTDIR"],
    ["the empty name", `'' ${O.WRONLY | O.CREAT} 666`, "ENOENT"],
    ["a folder as a new file", `new ${O.CREAT | O.DIRECTORY} 666`, "EINVAL"],
    ["a name of 256 bytes", `${"n".repeat(256)} ${O.WRONLY | O.CREAT} 666`, "ENAMETOOLONG"],
    ["read-only and new", `new ${O.RDONLY | O.CREAT} 400`, "ok kept"],
    ["the null device", `/dev/null ${O.WRONLY | O.CREAT | O.TRUNC} 666`, "ok kept"],
  ];
  for (const [name, words, output] of outcomes) {
    testWith(["seccomp"], `${name} is ${output}, as without a box`, async () => {
      expect((await play(`${act} open ${words}`)).output).toBe(`${output}\n`);
      const folder = tempDir("bare");
      mkdirSync(join(folder, "sub"));
      writeFileSync(join(folder, "file"), "content");
      symlinkSync("file", join(folder, "link"));
      symlinkSync("sub/born", join(folder, "dangling"));
      const bare = Bun.spawnSync(["/bin/sh", "-c", `${act} open ${words}`], { cwd: folder });
      expect(bare.stdout.toString()).toBe(`${output}\n`);
    });
  }

  testWith(
    ["seccomp"],
    "a new file has the caller's mode and umask, and the bytes arrive",
    async () => {
      const { folder, rows } = await play("umask 077; echo one >a; umask 0; echo two >dangling");
      expect(lstatSync(join(folder, "a")).mode & 0o777).toBe(0o600);
      expect(lstatSync(join(folder, "sub/born")).mode & 0o777).toBe(0o666);
      expect(readFileSync(join(folder, "sub/born"), "utf8")).toBe("two\n");
      expect(rows).toEqual(["+ FileWrite $/a", "+ FileWrite $/sub/born"]);
    },
  );

  testWith(["seccomp"], "what should be new and is there fails by itself", async () => {
    const folder = tempDir("new");
    writeFileSync(join(folder, "old"), "");
    const rules = allBut(
      forbid(join(folder, "old"), "FileWrite"),
      forbid(join(folder, "never"), "FileWrite"),
    );
    const script = ["old", "never", "new", "new"]
      .map((name) => `${act} open ${name} ${O.WRONLY | O.CREAT | O.EXCL} 666`)
      .join(";");
    const { output, rows } = await playIn(folder, script, rules);
    expect(output).toBe("EEXIST\nEACCES\nok kept\nEEXIST\n");
    expect(rows.filter((row) => !row.includes("ProcessSpawn"))).toEqual([
      "- FileWrite $/never",
      "+ FileWrite $/new",
    ]);
  });

  testWith(
    ["seccomp"],
    "each file has the umask and place of the moment, whoever changed it",
    async () => {
      const script = `umask 022; : >a; (umask 077; : >b); : >c; umask 027; : >d; /bin/sh -c ': >e'`;
      const { folder } = await play(`${script}; ${contexts} threads /bin/sh`);
      const modes = (names: string) =>
        names.split(" ").map((name) => `${name} ${modeOf(join(folder, name))}`);
      expect(modes("a b c d e")).toEqual(["a 644", "b 600", "c 644", "d 640", "e 640"]);
      expect(modes("first second/shared third/parted second/kept third/executed")).toEqual([
        "first 644",
        "second/shared 640",
        "third/parted 600",
        "second/kept 640",
        "third/executed 600",
      ]);
    },
  );

  for (const what of ["umask", "folder"])
    testWith(["seccomp"], `a ${what} that is just being changed is not kept`, async () => {
      expect((await play(`${contexts} ${what} 400`)).output).toBe("0 wrong\n");
    });

  testWith(["seccomp"], "what is read and made is named by where its caller is", async () => {
    const script = "read a <file; cd sub; : >one; (cd ..; : >two); : >three; cd ..; read a <file";
    expect((await play(script)).rows).toEqual([
      "+ FileRead $/file",
      "+ FileWrite $/sub/one",
      "+ FileWrite $/two",
      "+ FileWrite $/sub/three",
      "+ FileRead $/file",
    ]);
  });

  testWith(["seccomp"], "appending, truncating and reading back", async () => {
    const { output } = await play("echo 1 >f; echo 2 >>f; cat f; : >f; cat f; echo 3 1<>f; cat f");
    expect(output).toBe("1\n2\n3\n");
  });

  testWith(["seccomp"], "an unnamed file that gets a name", async () => {
    const { output, folder } = await play(`${act} tmpfile sub named`);
    expect(output).toBe("ok\n");
    expect(existsSync(join(folder, "named"))).toBe(true);
  });

  testWith(["seccomp"], "no file is left behind when the caller has no room for it", async () => {
    const { output, folder } = await play(`${act} no-room new`);
    expect(output).toBe("EMFILE\n");
    expect(existsSync(join(folder, "new"))).toBe(false);
  });

  testWith(
    ["seccomp"],
    "descriptor links, pipes and devices mean what the caller meant",
    async () => {
      const script = `exec 5>kept; echo a >/dev/fd/5; echo b >/proc/self/fd/5; cat kept
      echo c >/dev/stdout; echo d | tee /dev/fd/2; echo e >/dev/null`;
      expect((await play(`{ ${script}; } 2>&1 | cat`)).output).toBe("b\nc\nd\nd\n");
    },
  );

  testWith(["seccomp"], "a FIFO waits for its other end and holds nobody else up", async () => {
    const script = `mkfifo pipe; echo through >pipe & echo meanwhile >other; cat pipe; cat other`;
    expect((await play(script)).output).toBe("through\nmeanwhile\n");
  });

  testWith(["seccomp"], "a FIFO nobody opens is given up on an alarm and on death", async () => {
    const { output } = await play(
      `mkfifo pipe; ${act} alarm-fifo pipe; timeout 0.2 sh -c 'echo x >pipe'; echo $?`,
    );
    expect(output).toBe("EINTR\n124\n");
  });

  const how: [name: string, words: string, output: string][] = [
    ["openat2 makes a file", `new ${O.WRONLY | O.CREAT} 0`, "ok"],
    ["openat2 opens one", `file ${O.RDONLY} 0`, "ok"],
    ["openat2 sends path descriptors to openat", `sub ${O.PATH} 0`, "ENOSYS"],
    ["openat2 keeps below", "../x 0 8", "EXDEV"],
    ["openat2 follows no link if told so", "link 0 4", "ELOOP"],
    ["openat2 takes no flags it does not know", "file 1073741824 0", "EINVAL"],
  ];
  for (const [name, words, output] of how) {
    testWith(["seccomp"], name, async () => {
      expect((await play(`${act} open2 ${words}`)).output).toBe(`${output}\n`);
    });
  }
});

describe("names", () => {
  const cases: [script: string, output: RegExp, rows: string[]][] = [
    ["mkdir new; stat -c %a new", /^750\n$/, ["+ DirCreate $/new"]],
    ["mkdir new/; stat -c %a new", /^750\n$/, ["+ DirCreate $/new"]],
    ["mkdir sub", /File exists/, []],
    ["mkdir missing/new", /No such file/, []],
    ["mkfifo p; stat -c %a:%F p", /^640:fifo\n$/, ["+ FileWrite $/p"]],
    ["ln -s any/where s; readlink s", /^any\/where\n$/, ["+ FileWrite $/s"]],
    ["ln -s '' s", /No such file/, []],
    ["ln file h; stat -c %h file", /^2\n$/, ["+ FileRead $/file", "+ FileWrite $/h"]],
    ["ln -P link h; readlink h", /^file\n$/, ["+ FileRead $/link", "+ FileWrite $/h"]],
    ["ln -L link h; stat -c %h file", /^2\n$/, ["+ FileRead $/file", "+ FileWrite $/h"]],
    ["ln sub h", /not allowed|not permitted/, []],
    ["mv file moved; cat moved", /^content$/, ["+ FileDelete $/file", "+ FileWrite $/moved"]],
    ["mv -n file link", /^$/, []],
    ["mv -T sub file", /Not a directory|non-directory/, []],
    ["mv -T file/ moved", /Not a directory/, []],
    ["rm link", /^$/, ["+ FileDelete $/link"]],
    ["rmdir sub", /^$/, ["+ FileDelete $/sub"]],
    ["rmdir file", /Not a directory/, []],
    ["unlink sub", /Is a directory/, []],
    ["mkdir sub/x; rmdir sub", /not empty/, ["+ DirCreate $/sub/x"]],
  ];
  for (const [script, output, rows] of cases) {
    testWith(["seccomp"], `"${script}" does what it does without a box`, async () => {
      const scene = await play(script);
      expect(scene.output).toMatch(output);
      expect(scene.rows.filter((row) => !row.startsWith("+ FileRead $/moved"))).toEqual(rows);
    });
  }

  testWith(["seccomp"], "an exchange has four rows, or the one that denies it", async () => {
    const scene = async (...rules: JudgeRule[]) => {
      const played = await play(`${act} exchange file link; cat file`, rules);
      return { ...played, rows: played.rows.filter((row) => row.includes("$/")) };
    };
    const through = ["Delete $/file", "Write $/link", "Write $/file", "Delete $/link"];
    const { output, rows, folder } = await scene(...allBut());
    expect(output).toMatch(/^ok\ncat: .*: Too many levels/);
    expect(rows).toEqual(through.map((row) => `+ File${row}`));
    expect(lstatSync(join(folder, "link")).isFile()).toBe(true);
    const kept: JudgeRule = {
      effect: "forbid",
      actions: ["FileRead"],
      where: [{ kind: "path-like", parts: ["/", "/file"], negated: false }],
    };
    const denied = await scene(kept, ...allBut());
    expect(denied.output).toMatch(/^EACCES\ncat: .*: Permission denied\n$/);
    expect(denied.rows).toEqual(["- FileRead $/file", "- FileRead $/file"]);
  });

  testWith(
    ["seccomp"],
    "protected names that do not exist yet cannot be made in any way",
    async () => {
      const rules = allBut(forbid("/nowhere", "FileRead"));
      const folder = tempDir("protected");
      const guarded = join(folder, ".claude");
      const all = ["FileWrite", "DirCreate", "FileDelete"] as const;
      const script = `mkdir .claude; echo x >.claude; ln -s /tmp .claude; mkfifo .claude
      mkdir other; mv other .claude; echo x >f; mv f .claude; ln f .claude; ln -s .claude l; echo x >l
      ${act} tmpfile . .claude; ${act} open2 .claude ${O.WRONLY | O.CREAT} 0; ls -A`;
      const scene = await playIn(folder, script, [forbid(guarded, ...all), ...rules]);
      expect(existsSync(guarded)).toBe(false);
      expect(scene.output.trim().split("\n").slice(-3)).toEqual(["f", "l", "other"]);
      expect(scene.rows.filter((row) => row.startsWith("-")).length).toBe(10);
      expect((await play("mkdir .claude && ls -d .claude")).output).toBe(".claude\n");
    },
  );
});

describe("an attacker who changes the path after it was judged", () => {
  for (const how of ["open", "mkdir", "symlink", "rename"]) {
    testWith(["seccomp"], `${how}: the protected name never comes to be`, async () => {
      const folder = tempDir("race");
      mkdirSync(join(folder, "in.git"));
      mkdirSync(join(folder, "in.bad"));
      const rules = allBut(forbid(join(folder, "in.bad"), "FileWrite", "DirCreate"));
      const names = `${folder}/in.git/name ${folder}/in.bad/name`;
      const script = (rounds: number) =>
        `${attack} swap ${how} ${names} ${rounds} ${folder}/source`;
      const { output, rows } = await playIn(folder, script(3000), rules);
      expect(output).toBe("not there\n");
      // The race was on: both names were seen, and one of them was let through.
      expect(rows.some((row) => row.startsWith("+") && row.endsWith("in.git/name"))).toBe(true);
      expect(rows.some((row) => row.startsWith("-") && row.endsWith("in.bad/name"))).toBe(true);
      // The same attack on a helper that only looks gets there, so it is an attack.
      const plan = { ...audited({ rules }), directory: folder };
      const looked = await runShell(script(100_000), plan);
      expect(looked.output).toBe("there\n");
    });
  }
});
