// Races against the built binary, each for a second in every setting, or until something was let
// through and something refused; scripts/escape-races.ts has the long ones.

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
    // Where mounts hide the forbidden object some are no races, however long they are tried.
    const time = { seconds: secondsEach, more: setting.hasNamespaces ? 0 : 60 };
    const run = await runBoxed(aegis, setting, races(time));
    const strict = await runBoxed(strictAegis, setting, execRaces(time));
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
