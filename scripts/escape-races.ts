// The races for as long as they are worth: `bun scripts/escape-races.ts [--seconds 20]
// [--setting NAME] [--out FILE]`. Ends with status 1 when any was won, or was no race because
// nothing was let through or nothing refused.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type RowResult, runBoxed } from "../test/escape/run.ts";
import { type Setting, settingsOf } from "../test/escape/setting.ts";
import { aegis, strictAegis } from "../test/escape/systems.ts";
import { execRaces, isRaceHeld, races } from "../test/escape/table/races.ts";
import { isRoot } from "../test/support/harness.ts";
import { removeTempDirs } from "../test/support/temp.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    setting: { type: "string" },
    out: { type: "string" },
  },
});
const seconds = Number(values.seconds);
const all = [...(isRoot() ? settingsOf("root") : []), ...settingsOf("plain user")];
const chosen = all.filter(({ name }) => values.setting === undefined || name === values.setting);
const lines: string[] = [];
const tally = { lost: 0 };
for (const setting of chosen) {
  const run = await runBoxed(aegis, setting, races({ seconds, more: 0 }));
  const strict = await runBoxed(strictAegis, setting, execRaces({ seconds, more: 0 }));
  if (run.exitCode === 125) say(`${setting.name}: aegis refuses to start`);
  else for (const result of [...run.results, ...strict.results]) tell(setting, result);
}
if (values.out !== undefined) writeFileSync(values.out, `${lines.join("\n")}\n`);
removeTempDirs();
process.exitCode = tally.lost === 0 ? 0 : 1;

function tell(setting: Setting, { row, attack, harm }: RowResult): void {
  const isHeld = isRaceHeld(setting, { row, attack, harm });
  if (!isHeld) tally.lost += 1;
  say(
    `${isHeld ? "held" : "LOST"}  ${setting.name}  ${row.name}  ${attack.answer}  ${attack.note}`,
  );
}

function say(line: string): void {
  lines.push(line);
  console.log(line);
}
