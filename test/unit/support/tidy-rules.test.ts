// Every tidy rule is shown one breach it must find, next to the allowed twin it must leave alone.

import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tempDir } from "../../support/temp.ts";
import * as codeRules from "../../support/tidy/code-rules.ts";
import { type CodeFile, codeSources } from "../../support/tidy/source.ts";
import * as textRules from "../../support/tidy/text-rules.ts";

const filler = "  f();\n".repeat(61);
const project: Readonly<Record<string, string>> = {
  "tsconfig.json": '{ "compilerOptions": { "types": [] }, "include": ["src", "test"] }',
  "src/main.ts": 'import "./app/use.ts";\n',
  "src/app/use.ts": 'import { a } from "../model/a.ts";\na(Bun.argv);\n',
  "src/model/a.ts": 'import "../policy/p.ts";\nimport "./b.ts";\nexport function a() {}\n',
  "src/model/b.ts": 'import "node:path";\nimport { readFileSync } from "node:fs";\nnew Date(5);\n',
  "src/policy/p.ts": 'import "../wire/w";\nnew Date();\nfetch("x");\nBun.SHA256.hash("");\n',
  "src/wire/w.ts": 'export default 1;\nexport * from "./w.ts";\nexport let n = 1;\nconst m = 1;\n',
  "src/base/clock.ts": "Date.now();\n`a\nb`;\n/x/.test('y');\n",
  "src/cli/output.ts": 'console.log("fine here");\n',
  "src/ledger/l.ts": 'console.log("not here");\nasync () => await import("../cli/output.ts");\n',
  "src/enforce/run.ts": 'Bun.$`ls`;\nf({ shell: true });\nimport "node:child_process";\n',
  "src/config/c.ts": [
    "try { f(); } catch {}",
    "try { f(); } catch { /* ignored */ }",
    "try { f(); } catch {\n  // ignored: nothing is lost\n}",
    "p.catch(() => {});",
    "p.catch(() => undefined);",
    "process.env.HOME;",
  ].join("\n"),
  "src/supervise/long.ts": `function tooLong() {\n${filler}}\nfunction fits() {\n  f();\n}\n`,
  "test/long.test.ts": `test("x", () => {\n${filler}});\n`,
};

describe("code rules", () => {
  const files: CodeFile[] = [];
  beforeAll(async () => {
    const root = tempDir("tidy");
    for (const [path, text] of Object.entries(project)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    files.push(...(await codeSources(root)));
  });
  const rows: readonly [string, (files: readonly CodeFile[]) => string[], string[]][] = [
    [
      "layerBreaches() finds imports upward and sideways, also dynamic ones",
      codeRules.layerBreaches,
      [
        "src/ledger/l.ts:2: src/ledger must not import from src/cli",
        "src/model/a.ts:1: src/model must not import from src/policy",
        "src/policy/p.ts:1: src/policy must not import from src/wire",
      ],
    ],
    [
      "impurities() finds files, network and clocks in pure code, not computing",
      codeRules.impurities,
      ["src/model/b.ts:2: pure code imports node:fs", "src/policy/p.ts:3: pure code uses fetch"],
    ],
    [
      "reservedUses() finds what belongs to one place only",
      codeRules.reservedUses,
      [
        "src/app/use.ts:2: Bun.argv: only some places may read argv",
        "src/ledger/l.ts:1: console.log: only some places may read the terminal",
        "src/policy/p.ts:2: new Date(): only some places may read the clock",
      ],
    ],
    [
      "shellUses() finds shells and child_process",
      codeRules.shellUses,
      [
        "src/enforce/run.ts:3: child_process: use Bun.spawn",
        "src/enforce/run.ts:1: runs a shell",
        "src/enforce/run.ts:2: runs a shell",
      ],
    ],
    [
      "exportBreaches() finds missing extensions, default exports, re-exports and state",
      codeRules.exportBreaches,
      [
        'src/policy/p.ts:1: "../wire/w" has no extension',
        "src/wire/w.ts:1: default export",
        "src/wire/w.ts:2: re-export",
        "src/wire/w.ts:3: state at module level",
      ],
    ],
    [
      "silentCatches() finds empty handlers without a reason",
      codeRules.silentCatches,
      [1, 2, 6].map(
        (line) => `src/config/c.ts:${line}: a catch without a word; say "// ignored: why"`,
      ),
    ],
    [
      "longFunctions() leaves test files alone",
      codeRules.longFunctions,
      ["src/supervise/long.ts:1: a function of 63 lines"],
    ],
    [
      "deadFiles() follows imports from the roots",
      (all) => codeRules.deadFiles(all, (path) => /main|test|output|run|c\.ts|clock/.test(path)),
      ["src/ledger/l.ts: unused", "src/supervise/long.ts: unused", "src/wire/w.ts: unused"],
    ],
  ];
  test.each(rows)("%s", (_, rule, expected) => {
    expect(rule(files)).toEqual(expected);
  });
  test("literalLines() has every line of a text, a template and a pattern", () => {
    const lines = [...codeRules.literalLines(files)].filter((line) => line.startsWith("src/base"));
    expect(lines).toEqual(["src/base/clock.ts:2", "src/base/clock.ts:3", "src/base/clock.ts:4"]);
  });
});

describe("text rules", () => {
  const at = (path: string, text: string) => [{ path, text }];
  const rows: readonly [string, string[], string[]][] = [
    [
      "longLines() counts a tab as eight columns",
      textRules.longLines([
        ...at("a.c", `\t${"x".repeat(92)}\n\t${"x".repeat(93)}`),
        ...at("a.md", "x".repeat(200)),
      ]),
      ["a.c:2: 101 columns"],
    ],
    [
      "longLines() leaves tables and what cannot be broken alone",
      textRules.longLines(
        at("a.ts", `// | ${"x".repeat(100)}\n${"y".repeat(101)}\n${"z".repeat(101)}`),
        new Set(["a.ts:2"]),
      ),
      ["a.ts:3: 101 columns"],
    ],
    [
      "oversizedFiles() allows exactly the limit",
      textRules.oversizedFiles([
        ...at("a.ts", "x\n".repeat(400)),
        ...at("b.ts", "x\n".repeat(401)),
      ]),
      ["b.ts: 401 lines"],
    ],
    [
      "missingHeaders() wants a comment first",
      textRules.missingHeaders([
        ...at("src/a.ts", "// What lives here.\n\nf();\n"),
        ...at("src/b.ts", "f();\n"),
        ...at("scripts/c.ts", "// x\n".repeat(9)),
        ...at("test/d.test.ts", "f();\n"),
      ]),
      ["src/b.ts", "scripts/c.ts"].map(
        (path) => `${path}: no header comment of one to eight lines`,
      ),
    ],
    [
      "leftoverNotes() finds work put off and conflict marks",
      textRules.leftoverNotes(at("a.ts", `// TODO x\n<<<<<<< HEAD\nTODOS\n`)),
      ['a.ts:1: a leftover: "TODO"', 'a.ts:2: a leftover: "<<<<<<< "'],
    ],
    [
      "foreignWords() finds names from outside the project",
      textRules.foreignWords(at("a.md", "/workspace is fine\nas the integrator said\n")),
      ['a.md:2: speaks of something outside the project: "integrator"'],
    ],
  ];
  test.each(rows)("%s", (_, found, expected) => {
    expect(found).toEqual(expected);
  });
  test("numbersInC() reads defines, shifts and enumerations", () => {
    const text = "#define AE_A 4096u\n#define AE_B (1u << 20)\nenum {\n\tAE_C = 125,\t /* x */\n};";
    expect(Object.fromEntries(textRules.numbersInC(text))).toEqual({
      AE_A: 4096,
      AE_B: 1 << 20,
      AE_C: 125,
    });
  });
});
