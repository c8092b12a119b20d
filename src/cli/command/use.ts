// `aegis use`: shows or chooses the configuration that commands without a name mean.

import { AegisError } from "../../base/errors.ts";
import { listConfigs, readCurrent, writeCurrent } from "../../config/config.ts";
import { type AegisPaths, aegisPaths } from "../../config/location.ts";
import type { ActiveConfig } from "../../wire/config.ts";
import { defineCommand } from "../command.ts";
import { jsonFlag } from "../flags.ts";
import { isTerminal, writeErr, writeOut } from "../output.ts";
import { jsonText } from "../render/json.ts";

export const command = defineCommand(
  {
    name: "use",
    summary: "Set or show the active configuration.",
    flags: { json: jsonFlag },
    operands: { NAME: { required: false, summary: "Configuration to make active" } },
    launches: false,
    examples: ["aegis use my-agent"],
  },
  async ({ flags, operands }, { environment }) => {
    const paths = aegisPaths(environment);
    const chosen = operands.NAME ?? (flags.json ? undefined : await pick(paths));
    if (chosen !== undefined) writeCurrent(paths, chosen);
    const name = chosen ?? readCurrent(paths);
    const active: ActiveConfig = { name: name ?? null };
    if (flags.json) writeOut(jsonText(active));
    else if (name !== undefined) writeOut(`Active configuration: ${name}\n`);
    else writeErr(noneActive(paths));
    return 0;
  },
);

/**
 * Asks a person at a terminal when nothing is active yet; undefined when there is nobody to ask.
 */
async function pick(paths: AegisPaths): Promise<string | undefined> {
  const names = listConfigs(paths).map(({ name }) => name);
  const asked = isTerminal(0) && isTerminal(1) && isTerminal(2);
  if (!asked || names.length === 0 || readCurrent(paths) !== undefined) return undefined;
  const { consola } = await import("consola");
  const answer = await consola.prompt("Which configuration shall be active?", {
    type: "select",
    options: [...new Set(names)],
    cancel: "null",
  });
  if (answer !== null) return answer;
  throw new AegisError("usage", "Cannot choose a configuration: the question was cancelled");
}

function noneActive(paths: AegisPaths): string {
  const names = listConfigs(paths).map(({ name }) => name);
  if (names.length === 0) return "No configuration yet.\nhint: make one with `aegis init NAME`\n";
  const hint = "hint: choose one with `aegis use NAME`";
  return `No active configuration. There are: ${names.join(", ")}\n${hint}\n`;
}
