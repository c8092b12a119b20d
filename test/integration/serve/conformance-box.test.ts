// Packs whose tests are programs in a box, run by the built binary on this machine's kernel.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { giveToPlainUser, spawnAegis } from "../../support/harness.ts";
import { testMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

describe.each([
  ["the account of the tests", false, "/var/tmp"],
  ["a plain user", true, "/var/tmp"],
  // A box has a folder of its own in place of this one.
  ["a home among temporary files", false, "/tmp"],
] as const)("as %s", (_, asPlainUser, parent) => {
  const HOME = mkdtempSync(`${parent}/aegis-conformance-`);
  afterAll(() => rmSync(HOME, { recursive: true }));
  const cwd = tempDir("cwd");
  if (asPlainUser) for (const folder of [HOME, cwd]) giveToPlainUser(folder);
  const run = (...args: string[]) =>
    spawnAegis(["conformance", "run", ...args], { env: { HOME }, cwd, asPlainUser });

  test(
    "this machine's kernel meets the pack about it",
    async () => {
      const { stdout, exitCode } = await run("kernel", "--json");
      const report = JSON.parse(stdout);
      expect(report.results.flatMap(({ error = [] }) => error)).toEqual([]);
      expect(report).toMatchObject({ pack: "kernel", compliant: true, passed: 9, aegisd_addr: "" });
      expect(report.badge_markdown).toContain("aegis%20kernel-compliant-brightgreen");
      expect(exitCode).toBe(0);
    },
    testMs,
  );

  test(
    "a pack whose expectations are wrong is not met, and says how",
    async () => {
      const file = join(cwd, "wrong.yaml");
      const box = "box: {files: {work/a: x}, command: [cat, a]}";
      const row = 'action: FileRead, resource: "{home}/work/a"';
      writeFileSync(
        file,
        [
          "name: wrong",
          "tests:",
          `  - {id: W-1, req_id: R-1, ${box}, expect: {outcome: deny, ${row}}}`,
          `  - {id: W-2, req_id: R-2, ${box}, expect: {outcome: allow, ${row}, status: 3}}`,
          `  - {id: W-3, req_id: R-3, ${box}, expect: {outcome: allow, action: FileRead, resource: /x}}`,
          "  - {id: W-4, req_id: R-4, box: {command: [no-such-program]},",
          "     expect: {outcome: deny, action: ProcessSpawn, resource: /x}}",
          `  - {id: W-5, req_id: R-5, ${box}, expect: {outcome: allow, ${row}, status: 0}}`,
          "",
        ].join("\n"),
      );
      const { stdout, exitCode } = await run(file, "--json");
      const report = JSON.parse(stdout);
      const errors = report.results.map(({ error = "" }) => error);
      expect(errors).toEqual([
        'outcome: want "deny" got "allow"',
        "status: want 3 got 0",
        "ledger: there is no FileRead of /x",
        expect.stringContaining("box: no program was run, status 127"),
        "",
      ]);
      expect(report).toMatchObject({
        compliant: false,
        aegisd_addr: "",
        violated_reqs: ["R-1", "R-2", "R-3", "R-4"],
      });
      expect(report.results[4].evidence).toMatchObject({
        outcome: "allow",
        status: 0,
        session: expect.any(String),
        seq: expect.any(Number),
      });
      expect(exitCode).toBe(1);
      const left = readdirSync(join(HOME, ".aegis"));
      expect(left.filter((name) => name.startsWith("conformance-"))).toEqual([]);
    },
    testMs,
  );
});
