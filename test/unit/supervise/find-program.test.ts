// Programs are found as a shell finds them, in the PATH of the box and never through the working
// folder.

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { AegisError } from "../../../src/base/errors.ts";
import { absPath } from "../../../src/base/paths.ts";
import { findProgram } from "../../../src/supervise/find-program.ts";
import { tempDir } from "../../support/temp.ts";

const root = tempDir("path");
for (const folder of ["first", "second"]) mkdirSync(`${root}/${folder}`);
writeFileSync(`${root}/first/plain`, "", { mode: 0o644 });
writeFileSync(`${root}/second/plain`, "", { mode: 0o755 });
writeFileSync(`${root}/first/only-plain`, "", { mode: 0o644 });
writeFileSync(`${root}/tool`, "", { mode: 0o755 });
const path = `relative::${root}/first:${root}/second:${root}`;

const found = [
  ["the first that can be executed", "plain", "/second/plain"],
  ["a path as it is", "./tool", "/tool"],
  ["a name in a later folder", "tool", "/tool"],
] as const;
test.each(found)("finds %s", (_, command, program) => {
  expect(String(findProgram(command, path, directory()))).toBe(`${root}${program}`);
});

const refused = [
  ["a name that is nowhere", "nothing", "launch/not-found"],
  ["a path that is not there", "./nothing", "launch/not-found"],
  ["a file that cannot be executed", "only-plain", "launch/refused"],
  ["a folder", "./first", "launch/refused"],
  ["the folder itself", ".", "launch/refused"],
  ["a folder of PATH's name", "first", "launch/not-found"],
  ["no name at all", "", "launch/not-found"],
] as const;
test.each(refused)("refuses %s", (_, command, code) => {
  expect(codeOf(() => findProgram(command, path, directory()))).toBe(code);
});

test("says of a path what it stands for, and of a name where it was looked for", () => {
  const messages = ["./nothing", "/nothing", "nothing"].map((command) => {
    try {
      return String(findProgram(command, path, directory()));
    } catch (error) {
      return error instanceof AegisError ? [error.message, error.hint] : error;
    }
  });
  expect(messages).toEqual([
    [
      'Cannot run "./nothing": there is no such file',
      `it stands for "${root}/nothing"; correct it, or --dir`,
    ],
    ['Cannot run "/nothing": there is no such file', "correct the path"],
    [
      'Cannot run "nothing": no such program in PATH',
      "give an absolute path, or pass a PATH that holds it with --env PATH=...",
    ],
  ]);
});

test("does not look into relative entries of PATH", () => {
  expect(codeOf(() => findProgram("tool", ".:", directory()))).toBe("launch/not-found");
});

function directory() {
  const base = absPath(root);
  if (base === undefined) throw new Error("no folder");
  return base;
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof AegisError) return error.code;
  }
  return undefined;
}
