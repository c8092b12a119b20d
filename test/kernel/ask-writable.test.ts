// `aegis run --ask` and programs that ask first whether they could write: they are told what would
// be so after a yes, and so come to the call that is asked about. What is closed by a rule, by its
// mode or by its disk stays closed.

import { describe, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Asked,
  type AskedPlace,
  askedLaunchers,
  askedPlace,
  runAsked,
  tellingScript,
  toldIn,
} from "../support/asked.ts";
import { testWith } from "../support/features.ts";
import { isRoot } from "../support/harness.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

/** What the box says to access(2), faccessat(2) and faccessat2(2) about `path`, by name. */
function scriptOf(place: AskedPlace, ...lines: readonly string[]): string {
  const prelude = `import ctypes, errno, os
o = os.environ["OTHER"]; libc = ctypes.CDLL(None, use_errno=True)
def told(result): return "yes" if result == 0 else errno.errorcode[ctypes.get_errno()]
def writable(path, mode=os.W_OK):
    return told(libc.access(path.encode(), mode))
def effective(path, mode=os.W_OK):
    return told(libc.faccessat(-100, path.encode(), mode, 0x200))
def below(folder, name):
    fd = os.open(folder, os.O_PATH); return told(libc.faccessat(fd, name.encode(), os.W_OK, 0))`;
  return tellingScript(place, prelude, lines);
}

/** Says yes to everything until the script is over; the questions. */
async function answerAll(asked: Asked): Promise<string> {
  for (let questions = ""; ; ) {
    const seen = await asked.see(/aegis: "[\s\S]*?\nallow\? \[n\] |over\r\n/);
    if (seen.endsWith("over\r\n")) return questions;
    questions += seen;
    await asked.answer(seen.includes("  f  yes") ? "f" : "s");
  }
}

const textIn = (folder: string, name: string) => readFileSync(join(folder, name), "utf8");
/** A program, what it is to do in the folder no rule is about, and whether that is done. */
const deeds: readonly [string, string, (folder: string) => boolean][] = [
  ["rm", 'rm "$OTHER/a"', (folder) => !existsSync(join(folder, "a"))],
  [
    "ed",
    `printf 'a\\nmore\\n.\\nw\\nq\\n' | ed -s "$OTHER/a"`,
    (folder) => textIn(folder, "a") === "text of a\nmore\n",
  ],
  [
    "vim",
    'vim -u NONE -i NONE -n -es -c "s/text/word/" -c wq "$OTHER/a"',
    (folder) => textIn(folder, "a") === "word of a\n",
  ],
  [
    "git",
    `cd "$OTHER" && export HOME="$PWD" && git init -q . && git add a &&
git -c user.name=a -c user.email=a@b commit -qm first`,
    (folder) => textIn(folder, ".git/logs/HEAD").endsWith("first\n"),
  ],
];

for (const [where, launcher, flags] of askedLaunchers) {
  describe(where, () => {
    testWith([...needs, "tool python3"], "what could be asked about looks writable", async () => {
      const place = askedPlace();
      const script = scriptOf(
        place,
        'writable(o + "/a")',
        'effective(o + "/a", os.R_OK | os.W_OK)',
        'below(o, "a")',
        "writable(o)",
        'writable(o + "/none")',
        'writable("t.py")',
      );
      await using asked = runAsked(place, script, flags, launcher());
      await asked.see(/over\r\n/);
      expect(asked.screen).not.toContain("allow?");
      expect(toldIn(asked.screen)).toEqual(["yes", "yes", "yes", "yes", "ENOENT", "yes"]);
    });

    for (const [tool, script, isDone] of deeds) {
      testWith([...needs, `tool ${tool}`], `${tool} comes to ask, and does it`, async () => {
        const place = askedPlace();
        await using asked = runAsked(place, `${script}; echo over`, flags, launcher());
        expect(await answerAll(asked)).toContain(place.other);
        expect(isDone(place.other)).toBe(true);
      });
    }
  });
}

testWith(
  [...needs, "userns", "tool python3"],
  "a rule's no, a mode and a disk are told",
  async () => {
    const place = askedPlace();
    mkdirSync(join(place.other, "kept"));
    writeFileSync(join(place.other, "kept", "f"), "kept");
    chmodSync(join(place.other, "b"), 0o444);
    const script = scriptOf(
      place,
      'writable(o + "/kept/f")',
      'writable(o + "/b")',
      'writable("/sys/kernel/mm/transparent_hugepage/enabled")',
      'writable(o + "/a", os.X_OK | os.W_OK)',
    );
    await using asked = runAsked(place, script, ["--deny", `${place.other}/kept`]);
    await asked.see(/over\r\n/);
    const [kept, byMode, kernels, notRun] = toldIn(asked.screen);
    expect(["EACCES", "EROFS", "ENOENT"]).toContain(kept ?? "");
    expect(isRoot() ? "EACCES" : byMode).toBe("EACCES");
    expect(kernels).not.toBe("yes");
    expect(notRun).toBe("EACCES");
  },
);
