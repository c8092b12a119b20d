import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnAegis } from "../support/harness.ts";
import { tempDir } from "../support/temp.ts";

/** What bash would offer after the words; the last one is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const { stdout } = await spawnAegis(["completions", "--shell", "bash"]);
  const script = join(tempDir("completions"), "ask.bash");
  const typed = ["aegis", ...words].map((word) => `"${word}"`).join(" ");
  const ask = `COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _aegis`;
  writeFileSync(script, `${stdout}\n${ask}\nprintf '%s\\n' "\${COMPREPLY[@]}"\n`);
  const bash = Bun.spawn(["bash", "--norc", script], { stdout: "pipe" });
  return (await bash.stdout.text()).trimEnd().split("\n");
}

describe("bash completion", () => {
  test("offers commands, then what belongs to the one typed", async () => {
    expect(await offered("au")).toEqual(["audit"]);
    expect(await offered("audit", "ver")).toEqual(["verify"]);
    expect(await offered("audit", "query", "--se")).toEqual(["--search", "--session"]);
    expect(await offered("log", "--fo")).toEqual(["--follow"]);
  });
  test("offers nothing of its own after --", async () => {
    expect(await offered("run", "--", "--")).toEqual([""]);
  });
});
