// The runner of all tests must not be fooled: by crashed files, by tests that end the process, by
// skips without reason.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Tally, tally } from "../../../scripts/testing/junit.ts";
import { dishonestSkips } from "../../../scripts/testing/skips.ts";
import { tempDir } from "../../support/temp.ts";

/** Runs `bun test` on files made here and tallies it as scripts/test.ts does. */
function tallyOf(files: Readonly<Record<string, string>>): Tally {
  const root = tempDir("runner");
  const names = Object.keys(files);
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(root, name), `import { describe, expect, test } from "bun:test";\n${text}`);
  const report = join(root, "report.xml");
  const argv = [process.execPath, "test", "--reporter=junit", `--reporter-outfile=${report}`];
  const paths = names.map((name) => `./${name}`);
  const { exitCode, stderr } = Bun.spawnSync([...argv, ...paths], { cwd: root });
  const written = existsSync(report) ? readFileSync(report, "utf8") : undefined;
  const output = stderr.toString();
  return tally({ report: written, files: names, exitCode, timedOut: false, output });
}

const differ = ["AssertionError: expect(received).toBe(expected)", "Expected: 2", "Received: 1"];
const good = 'test("fine", () => {});';

describe("tally()", () => {
  const rows: readonly [string, Record<string, string>, Tally][] = [
    [
      "counts passes, failures and skips with their groups and odd names",
      {
        "a.test.ts": `describe("g", () => { test('<"x"> & y', () => expect(1).toBe(2)); });
          ${good} test.skip("later", () => {});`,
      },
      {
        passed: 1,
        failures: [{ label: 'a.test.ts: g > <"x"> & y', said: expect.arrayContaining(differ) }],
        skips: ["a.test.ts: later"],
      },
    ],
    [
      "counts a file that cannot be loaded as a failure",
      { "a.test.ts": good, "b.test.ts": 'throw new Error("broken");' },
      {
        passed: 1,
        failures: [
          {
            label: "b.test.ts: no result, the file crashed or holds no test",
            said: expect.arrayContaining(["error: broken"]),
          },
        ],
        skips: [],
      },
    ],
    [
      "counts every file as a failure when a test ends the process, even with status 0",
      { "a.test.ts": good, "b.test.ts": `test("ends", () => process.exit(0));` },
      {
        passed: 0,
        failures: ["a", "b"].map((name) => ({
          label: `${name}.test.ts: no result, the file crashed or holds no test`,
          said: expect.any(Array),
        })),
        skips: [],
      },
    ],
    [
      "counts an error outside of every test as a failure",
      {
        "a.test.ts": `${good} import { afterAll } from "bun:test";
          afterAll(() => { throw new Error("late"); });`,
      },
      {
        passed: 1,
        failures: [{ label: "a.test.ts: (unnamed)", said: expect.any(Array) }],
        skips: [],
      },
    ],
  ];
  test.each(rows)("%s", (_, files, expected) => {
    expect(tallyOf(files)).toEqual(expected);
  });
  test("tells of a large value where it differs, in few lines", () => {
    const text = `test("large", () => {
      const value = Array.from({ length: 500 }, (_, at) => at);
      expect(value.with(250, -1)).toEqual(value);
    });`;
    const [failure] = tallyOf({ "a.test.ts": text }).failures;
    expect(failure?.said.length).toBeLessThan(15);
    expect(failure?.said).toEqual(expect.arrayContaining(["-   250,", "+   -1,"]));
  });
  test("counts a run that was killed for its time as a failure", () => {
    const output = "a.test.ts:\n(pass) before it\n";
    const run = { report: undefined, files: [], exitCode: 137, timedOut: true, output };
    expect(tally(run).failures).toEqual([
      { label: "the group ran out of time", said: ["a.test.ts:", "(pass) before it"] },
    ]);
  });
});

describe("dishonestSkips()", () => {
  const labels = [
    "a.test.ts: without a reason",
    "a.test.ts: landlock (skipped, needs: landlock)",
    "a.test.ts: both (skipped, needs: landlock, tool nothing)",
    "a.test.ts: root (skipped, needs: root)",
  ];
  test("keeps a skip only when something it names is missing", () => {
    expect(dishonestSkips(labels, (need) => need === "landlock")).toEqual([
      "a.test.ts: without a reason",
      "a.test.ts: landlock (skipped, needs: landlock)",
    ]);
    expect(dishonestSkips(labels, () => false)).toEqual(["a.test.ts: without a reason"]);
  });
});
