// The groups of tests in the order they run, each with a bound on its time. A test file that is in
// no group would never run, so it is an error.

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
  { name: "build", timeoutMs: 3 * minutes, commands: [[bun, "scripts/build.ts"]] },
  {
    name: "check",
    timeoutMs: 2 * minutes,
    commands: [
      ["node_modules/.bin/biome", "check", "."],
      ["node_modules/.bin/tsc", "--noEmit"],
    ],
  },
  { name: "tidy", timeoutMs: minutes, tests: "test/tidy.test.ts" },
  { name: "native", timeoutMs: 4 * minutes, commands: [["make", "-C", "native", "check"]] },
  { name: "unit", timeoutMs: 3 * minutes, tests: "test/unit" },
  { name: "script", timeoutMs: 3 * minutes, tests: "test/script" },
  { name: "contract", timeoutMs: 5 * minutes, tests: "test/contract" },
  { name: "property", timeoutMs: 6 * minutes, tests: "test/property" },
  { name: "kernel", timeoutMs: 5 * minutes, tests: "test/kernel", twice: true },
  { name: "escape", timeoutMs: 4 * minutes, tests: "test/escape", twice: true },
  { name: "matrix", timeoutMs: 8 * minutes, tests: "test/matrix" },
  { name: "integration", timeoutMs: 8 * minutes, tests: "test/integration" },
  { name: "mcp", timeoutMs: 4 * minutes, tests: "test/mcp" },
  { name: "fuzz", timeoutMs: 2 * minutes, tests: "test/fuzz" },
  { name: "sdk", timeoutMs: 2 * minutes, tests: "test/sdk" },
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
