// Races against the built binary, each for a second in every setting; scripts/escape-races.ts has
// the long ones.

import { describe, expect, test } from "bun:test";
import { has } from "../support/probes.ts";
import { runBoxed, type SystemRun } from "./run.ts";
import { type Setting, settingsHere } from "./setting.ts";
import { aegis, strictAegis } from "./systems.ts";
import { execRaces, isRaceHeld, races } from "./table/races.ts";

const secondsEach = Number(process.env.AEGIS_TEST_RACE_SECONDS ?? "1");
const missing = (["linux", "landlock", "seccomp"] as const).filter((need) => !has(need));

if (missing.length > 0) {
  test.skip(`races (skipped, needs: ${missing.join(", ")})`, () => {});
} else {
  for (const setting of settingsHere()) {
    const run = await runBoxed(aegis, setting, races(secondsEach));
    const strict = await runBoxed(strictAegis, setting, execRaces(secondsEach));
    describe(`${setting.name}`, () => {
      checkRun(setting, run);
      checkRun(setting, strict);
    });
  }
}

function checkRun(setting: Setting, run: SystemRun): void {
  if (run.exitCode === 125) {
    test("aegis refuses to start, so nothing could be raced", () => {
      expect(run.results.filter(({ attack }) => attack.answer !== "no answer")).toEqual([]);
    });
    return;
  }
  for (const result of run.results) {
    const { row, attack, twin, harm } = result;
    test(`${row.name}: ${row.technique}: is never won`, () => {
      const isHeld = isRaceHeld(setting, result);
      expect({ attack, harm, isHeld }).toEqual({ attack, harm: [], isHeld: true });
      expect(twin.answer).toBe("worked");
    });
  }
}
