// The groups of tests in the order they run, each with a bound on its time: some ten times what it
// takes on a quiet machine, so that only what stands still is ended. A test file that is in no
// group would never run, so it is an error.

import { existsSync } from "node:fs";
import { join } from "node:path";

export interface Group {
  readonly name: string;
  readonly timeoutMs: number;
  /** Folder or file of tests below the project; undefined: `commands` are the tests. */
  readonly tests?: string;
  /** Programs that pass by ending with status 0. */
  readonly commands?: readonly (readonly string[])[];
  /** Run once more as a plain user when root runs the tests. */
  readonly twice?: boolean;
}

const minutes = 60_000;
const bun = "node_modules/bun/bin/bun.exe";

export const groups: readonly Group[] = [
  { name: "build", timeoutMs: 15 * minutes, commands: [[bun, "scripts/build.ts"]] },
  {
    name: "check",
    timeoutMs: 15 * minutes,
    commands: [
      ["node_modules/.bin/biome", "check", "."],
      ["node_modules/.bin/tsc", "--noEmit"],
    ],
  },
  { name: "tidy", timeoutMs: 10 * minutes, tests: "test/tidy.test.ts" },
  { name: "native", timeoutMs: 20 * minutes, commands: [["make", "-C", "native", "check"]] },
  { name: "unit", timeoutMs: 15 * minutes, tests: "test/unit" },
  { name: "script", timeoutMs: 15 * minutes, tests: "test/script" },
  { name: "contract", timeoutMs: 30 * minutes, tests: "test/contract" },
  { name: "property", timeoutMs: 30 * minutes, tests: "test/property" },
  { name: "kernel", timeoutMs: 30 * minutes, tests: "test/kernel", twice: true },
  { name: "escape", timeoutMs: 30 * minutes, tests: "test/escape", twice: true },
  { name: "matrix", timeoutMs: 40 * minutes, tests: "test/matrix" },
  { name: "integration", timeoutMs: 60 * minutes, tests: "test/integration" },
  { name: "mcp", timeoutMs: 30 * minutes, tests: "test/mcp" },
  { name: "fuzz", timeoutMs: 15 * minutes, tests: "test/fuzz" },
  { name: "sdk", timeoutMs: 15 * minutes, tests: "test/sdk" },
];

/** Every test file of a group, relative to the project, in a stable order. */
export function testFiles(root: string, group: Group): string[] {
  const { tests } = group;
  if (tests === undefined) return [];
  if (tests.endsWith(".ts")) return [tests];
  if (!existsSync(join(root, tests))) return [];
  return [...new Bun.Glob(`${tests}/**/*.test.ts`).scanSync({ cwd: root })].sort();
}

/** @throws naming the test files that no group runs. */
export function assertEveryFileRuns(root: string): void {
  const covered = new Set(groups.flatMap((group) => testFiles(root, group)));
  const forgotten = [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: root })].filter(
    (file) => !covered.has(file),
  );
  if (forgotten.length > 0)
    throw new Error(`Cannot run all tests: no group runs ${forgotten.join(", ")}`);
}
