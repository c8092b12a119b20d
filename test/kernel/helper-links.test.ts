// Files with several names, made before the box started: what is said of one name holds whichever
// is used. Notify bit 8, and neither Landlock nor a mount beneath.

import { describe, expect } from "bun:test";
import { linkSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JudgeRule } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import { allBut, audited, forbid, runShell, testProgram, told } from "../support/helper-box.ts";
import { tempDir } from "../support/temp.ts";

const change = testProgram("change");

function furnish(): string {
  const folder = tempDir("links");
  for (const name of ["in", "in/deep", "out"]) mkdirSync(join(folder, name));
  for (const name of ["in/one", "in/two", "out/one", "out/two", "in/key.pem"])
    writeFileSync(join(folder, name), name);
  linkSync(join(folder, "out/one"), join(folder, "in/outer"));
  linkSync(join(folder, "in/two"), join(folder, "in/deep/inner"));
  linkSync(join(folder, "in/key.pem"), join(folder, "in/notes"));
  return folder;
}

async function play(folder: string, script: string, rules: readonly JudgeRule[]) {
  const plan = { ...audited({ open: true, rules }), directory: join(folder, "in") };
  const { rows, output } = await runShell(script, plan);
  return { output, rows: told(rows).map((row) => row.replaceAll(folder, "$")) };
}

describe("reading", () => {
  testWith(["seccomp"], "another name of a forbidden file is forbidden, too", async () => {
    const folder = furnish();
    const rules = allBut(forbid(join(folder, "out"), "FileRead"));
    const { output, rows } = await play(folder, "cat outer; cat deep/inner one", rules);
    expect(output).toMatch(/^cat: outer: Permission denied\nin\/twoin\/one$/);
    expect(rows[0]).toBe("- FileRead $/in/outer");
    const allowed = await play(folder, "cat outer", allBut(forbid("/nowhere", "FileRead")));
    expect(allowed.output).toBe("out/one");
  });

  testWith(["seccomp"], "so it is when a pattern forbids it", async () => {
    const rule: JudgeRule = {
      effect: "forbid",
      actions: ["FileRead"],
      where: [{ kind: "path-like", parts: ["/", ".pem"], negated: false }],
    };
    const { output } = await play(furnish(), "cat notes; ln notes more; cat more", allBut(rule));
    expect(output).not.toContain("key.pem\n");
    expect(output.match(/Permission denied/g)?.length).toBe(2);
  });
});

describe("writing", () => {
  /** Reads everywhere, changes only below `in` and where the test writes its output. */
  function inside(folder: string): readonly JudgeRule[] {
    const [all] = allBut();
    if (all === undefined) throw new Error("there is a rule");
    const below = (path: string): JudgeRule => ({
      ...all,
      where: [{ kind: "path-in", path, negated: false }],
    });
    return [
      { ...all, actions: ["FileRead", "DirList", "ProcessSpawn"] },
      below(join(folder, "in")),
      ...["output", "dev"].map((name) => ({
        ...all,
        where: [{ kind: "path-like" as const, parts: ["/", name, ""], negated: false }],
      })),
    ];
  }

  const cases: [script: string, answer: "held" | "done"][] = [
    ["echo x >>outer", "held"],
    [": >outer", "held"],
    [`${change} chmod outer`, "held"],
    [`${change} truncate outer`, "held"],
    [`${change} fchmod outer`, "held"],
    ["echo x >>one", "done"],
    ["echo x >>two", "done"],
    ["echo x >>deep/inner", "done"],
    ["ln one more; echo x >>more; ln more most; echo x >>most", "done"],
    ["rm outer; echo x >outer", "done"],
    ["cat outer", "done"],
  ];
  for (const [script, answer] of cases) {
    testWith(["seccomp"], `"${script}" is ${answer}`, async () => {
      const folder = furnish();
      const { output } = await play(folder, script, inside(folder));
      if (answer === "held") expect(output).toMatch(/Permission denied|EACCES/);
      else expect(output).not.toMatch(/denied|EACCES/);
      expect(readFileSync(join(folder, "out/one"), "utf8")).toBe("out/one");
    });
  }

  testWith(["seccomp"], "who may write everywhere may write what has many names", async () => {
    const folder = furnish();
    expect((await play(folder, "echo x >>outer; tail -c 2 outer", allBut())).output).toBe("x\n");
  });
});
