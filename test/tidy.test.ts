// The rules of CONTRIBUTING.md that a program can check. The tables they work from are in
// test/support/tidy.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../package.json";
import * as limits from "../src/base/limits.ts";
import { exitStatus } from "../src/cli/exit.ts";
import { repoRoot } from "./support/harness.ts";
import { testMs } from "./support/patience.ts";
import * as codeRules from "./support/tidy/code-rules.ts";
import { codeSources, textSources } from "./support/tidy/source.ts";
import * as textRules from "./support/tidy/text-rules.ts";

setDefaultTimeout(testMs);
const code = await codeSources(repoRoot);
const texts = textSources(repoRoot);

/** What is started by a person, the test runner or the type checker, and so needs no importer. */
function isStarted(path: string): boolean {
  return (
    path === "src/main.ts" ||
    /^(scripts|bench)\/[^/]+\.ts$/.test(path) ||
    path.endsWith(".test.ts") ||
    path.endsWith(".d.ts") ||
    path.startsWith("test/fixtures/") ||
    path === "test/support/preload.ts"
  );
}

describe("code", () => {
  test("a file imports only from its own folder or a lower layer", () => {
    expect(codeRules.layerBreaches(code)).toEqual([]);
  });
  test("code that decides touches nothing outside itself", () => {
    expect(codeRules.impurities(code)).toEqual([]);
  });
  test("environment, argv, clock, randomness, platform and terminal have one place each", () => {
    expect(codeRules.reservedUses(code)).toEqual([]);
  });
  test("no program is started through a shell", () => {
    expect(codeRules.shellUses(code)).toEqual([]);
  });
  test("exports are named, imports go to the file itself, modules have no state", () => {
    expect(codeRules.exportBreaches(code)).toEqual([]);
  });
  test("no catch swallows an error without saying why", () => {
    expect(codeRules.silentCatches(code)).toEqual([]);
  });
  test("functions are at most 60 lines", () => {
    expect(codeRules.longFunctions(code)).toEqual([]);
  });
  test("every file is used", () => {
    expect(codeRules.deadFiles(code, isStarted)).toEqual([]);
  });
});

describe("text", () => {
  test("lines are at most 100 columns", () => {
    expect(textRules.longLines(texts, codeRules.literalLines(code))).toEqual([]);
  });
  test("files are at most 400 lines", () => {
    expect(textRules.oversizedFiles(texts)).toEqual([]);
  });
  test("every file starts by saying what lives in it", () => {
    expect(textRules.missingHeaders(texts)).toEqual([]);
  });
  test("nothing is left to do", () => {
    expect(textRules.leftoverNotes(texts)).toEqual([]);
  });
  test("the project speaks of itself alone", () => {
    expect(textRules.foreignWords(texts)).toEqual([]);
  });
});

describe("the same truth in two places", () => {
  test("the helper has the limits of src/base/limits.ts", () => {
    const native = textRules.numbersInC(read("native/common/limits.h"));
    expect({
      plan: native.get("AE_PLAN_SIZE_MAX"),
      path: native.get("AE_PATH_MAX"),
      instructions: native.get("AE_BPF_MAX"),
      word: native.get("AE_WORD_MAX"),
      words: [native.get("AE_ARGUMENTS_MAX"), native.get("AE_ENVIRONMENT_MAX")],
    }).toEqual({
      plan: limits.planSizeMaxBytes,
      path: limits.pathMaxBytes,
      instructions: limits.bpfInstructionsMax,
      word: limits.wordMaxBytes,
      words: [limits.wordsMax, limits.wordsMax],
    });
  });
  test("the helper has the exit statuses of src/cli/exit.ts", () => {
    expect(Object.fromEntries(textRules.numbersInC(read("native/common/exit.h")))).toEqual({
      AE_EXIT_FAILED: exitStatus.launchFailed,
      AE_EXIT_REFUSED: exitStatus.launchRefused,
      AE_EXIT_NOT_FOUND: exitStatus.launchNotFound,
    });
  });
  test("every dependency is pinned and has a decision record", () => {
    const { dependencies, optionalDependencies, devDependencies } = packageJson;
    const all = { ...dependencies, ...optionalDependencies, ...devDependencies };
    const records = readdirSync(join(repoRoot, "docs/adr")).map((name) => read(`docs/adr/${name}`));
    const unexplained = Object.entries(all).filter(
      ([name, version]) =>
        !/^\d+\.\d+\.\d+$/.test(version) ||
        !records.some((record) => record.includes(`\`${name}\``)),
    );
    expect(unexplained).toEqual([]);
  });
  test("docs/architecture.md has every folder of src", () => {
    const map = read("docs/architecture.md");
    const folders = readdirSync(join(repoRoot, "src"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `\`src/${name}\``);
    expect(folders.filter((folder) => !map.includes(folder))).toEqual([]);
  });
});

function read(path: string): string {
  return readFileSync(join(repoRoot, path), "utf8");
}
