// Files with several names: what is said of one name holds whichever is used. Notify bit 8, and
// neither Landlock nor a mount beneath.

import { describe, expect } from "bun:test";
import { linkSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { severalNamesRule } from "../../src/bridge/frame.ts";
import type { JudgeRule } from "../../src/bridge/plan.ts";
import { testWith } from "../support/features.ts";
import {
  allBut,
  audited,
  type BoxPlan,
  forbid,
  runShell,
  testProgram,
  told,
} from "../support/helper-box.ts";
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

async function play(folder: string, script: string, rules: readonly JudgeRule[], more?: BoxPlan) {
  const plan = { ...audited({ open: true, rules }), directory: join(folder, "in"), ...more };
  const { rows, output } = await runShell(script, plan);
  const several = rows.filter(({ rule }) => rule === severalNamesRule).length;
  return { output, several, rows: told(rows).map((row) => row.replaceAll(folder, "$")) };
}

const readPems: JudgeRule = {
  effect: "forbid",
  actions: ["FileRead"],
  where: [{ kind: "path-like", parts: ["/", ".pem"], negated: false }],
};

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
    const script = "cat notes; ln notes more; cat more";
    const { output } = await play(furnish(), script, allBut(readPems));
    expect(output).not.toContain("key.pem\n");
    expect(output.match(/Permission denied/g)?.length).toBe(2);
  });

  testWith(["seccomp"], "it stays so when the box removes the forbidden name", async () => {
    const folder = furnish();
    const rules = allBut(readPems);
    const gone = await play(folder, "rm key.pem; cat notes", rules);
    expect(gone.output).toBe("cat: notes: Permission denied\n");
    expect(gone.rows).toContain("+ FileDelete $/in/key.pem");
    linkSync(join(folder, "in/one"), join(folder, "in/single"));
    expect((await play(folder, "rm one; cat single", rules)).output).toBe("in/one");
  });

  const elude = "i=0; while [ $i -lt 60 ]; do mv a/k b/k; mv b/k a/k; i=$((i+1)); done & cat notes";
  testWith(["seccomp"], "no folder moves past the one who looks", async () => {
    const folder = furnish();
    for (const name of ["in/a", "in/b", "in/a/k", "in/wide"]) mkdirSync(join(folder, name));
    for (let i = 0; i < 3000; i++) writeFileSync(join(folder, `in/wide/${i}`), "");
    linkSync(join(folder, "in/one"), join(folder, "in/a/k/one.pem"));
    linkSync(join(folder, "in/one"), join(folder, "in/free"));
    const script = elude.replace("cat notes", "cat free; ln two third; cat third; wait");
    for (let i = 0; i < 4; i++) {
      const { output } = await play(folder, script, allBut(readPems));
      expect(output.replace(/ln:.*\n/, "")).toBe("cat: free: Permission denied\nin/two");
    }
  });
});

describe("when not everything could be looked through", () => {
  /** Deeper than anybody looks. */
  function deep(): string {
    const folder = furnish();
    mkdirSync(join(folder, "in", "d/".repeat(80)), { recursive: true });
    return folder;
  }
  const rules = (folder: string) => [readPems, ...inside(folder)];

  testWith(["seccomp"], "only files at risk are unreadable", async () => {
    const folder = deep();
    const script = "cat outer ../out/one; cat one; cat deep/inner";
    const { output, several, rows } = await play(folder, script, rules(folder));
    expect(output.match(/Permission denied/g)?.length).toBe(2);
    expect(output).toEndWith("in/onein/two");
    expect(several).toBe(2);
    expect(rows).toContain("- FileRead $/in/outer");
    const whole = furnish();
    expect((await play(whole, "cat outer", rules(whole))).output).toBe("out/one");
  });

  const shared = sharedProgram();
  testWith(["seccomp"], "what is installed is not", async () => {
    const folder = deep();
    const { output, several } = await play(folder, `cat ${shared} | wc -c`, rules(folder));
    expect(Number(output)).toBeGreaterThan(0);
    expect(several).toBe(0);
  });
});

/** Installed under several names. */
function sharedProgram(): string {
  const argv = ["find", "/usr/bin", "/usr/lib", "-xdev", "-type", "f", "-links", "+1"];
  const { stdout } = Bun.spawnSync(argv, { stdio: ["ignore", "pipe", "ignore"] });
  return stdout.toString().split("\n")[0] || "/usr/bin/env";
}

describe("as tools lay files out", () => {
  const pair = "mkdir -p t/deps; echo a >t/deps/x; ln t/deps/x t/x";
  const shapes: [name: string, before: string, script: string, output: RegExp][] = [
    ["two names in a build's folder", pair, "cat t/x; echo b >>t/x; cat t/deps/x", /^a\na\nb\n$/],
    ["two names the box makes", "", `${pair}; echo b >>t/x; cat t/deps/x`, /^a\nb\n$/],
    ["cp -al", "mkdir w; echo a >w/x", "cp -al w v; cat v/x; echo b >>v/x; cat w/x", /^a\na\nb\n$/],
    [
      "git clone --local",
      "git init -q r; git -C r -c user.name=a -c user.email=a@b commit -q --allow-empty -m m",
      "git clone -q --local r c; git -C c log --format=%s; stat -c %h c/.git/objects/*/* | head -1",
      /^m\n2\n$/,
    ],
    [
      "a cache of objects",
      "mkdir c o; echo a >c/1",
      "ln c/1 o/1; cat o/1; rm o/1; ln c/1 o/1; cat c/1",
      /^a\na\n$/,
    ],
    ["a store outside, read", "ln ../out/two m", "cat m", /^out\/two$/],
    ["a store outside, written", "ln ../out/two m", "echo x >>m", /Permission denied/],
    [
      "a store outside, replaced",
      "ln ../out/two m",
      "cp m n; mv n m; echo x >>m; cat m",
      /^out\/twox\n$/,
    ],
  ];
  for (const [name, before, script, output] of shapes) {
    testWith(["seccomp"], name, async () => {
      const folder = furnish();
      const setUp = Bun.spawnSync(["/bin/sh", "-ec", before], { cwd: join(folder, "in") });
      expect(setUp.exitCode).toBe(0);
      const run = await play(folder, `export HOME=$PWD; ${script}`, [readPems, ...inside(folder)]);
      expect(run.output).toMatch(output);
      expect(run.several > 0).toBe(output.source.includes("denied"));
      expect(readFileSync(join(folder, "out/two"), "utf8")).toBe("out/two");
    });
  }
});

describe("writing", () => {
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
      const { output, several } = await play(folder, script, inside(folder));
      expect(several > 0).toBe(answer === "held");
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
