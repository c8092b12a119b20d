// The races for as long as they are worth: `bun test/escape/races.ts [--seconds 20] [--setting NAME]
// [--out FILE]`. Ends with status 1 when any was won, or was no race because nothing was let through
// or nothing refused.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { isRoot } from "../support/harness.ts";
import { removeTempDirs } from "../support/temp.ts";
import { type RowResult, runBoxed } from "./run.ts";
import { type Setting, settingsOf } from "./setting.ts";
import { aegis, strictAegis } from "./systems.ts";
import { execRaces, isRaceHeld, races } from "./table/races.ts";

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
let lost = 0;
for (const setting of chosen) {
  const run = await runBoxed(aegis, setting, races(seconds));
  const strict = await runBoxed(strictAegis, setting, execRaces(seconds));
  if (run.exitCode === 125) say(`${setting.name}: aegis refuses to start`);
  else for (const result of [...run.results, ...strict.results]) tell(setting, result);
}
if (values.out !== undefined) writeFileSync(values.out, `${lines.join("\n")}\n`);
removeTempDirs();
process.exitCode = lost === 0 ? 0 : 1;

function tell(setting: Setting, { row, attack, harm }: RowResult): void {
  const isHeld = isRaceHeld(setting, { row, attack, harm });
  if (!isHeld) lost += 1;
  say(
    `${isHeld ? "held" : "LOST"}  ${setting.name}  ${row.name}  ${attack.answer}  ${attack.note}`,
  );
}

function say(line: string): void {
  lines.push(line);
  console.log(line);
}
