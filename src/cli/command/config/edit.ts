// `aegis config edit`: an editor on a copy; the configuration changes only when the result can be
// used.

import { renameSync, unlinkSync, writeFileSync } from "node:fs";
import { chooseConfig } from "../../../app/config/choose.ts";
import { AegisError } from "../../../base/errors.ts";
import { uniqueSuffix } from "../../../base/ids.ts";
import { resolvePath } from "../../../base/paths.ts";
import { type ConfigEntry, parseConfig } from "../../../config/config.ts";
import { readIfPresent, replaceFile } from "../../../config/files.ts";
import type { Environment } from "../../../config/location.ts";
import { defineCommand } from "../../command.ts";
import { nameOperand } from "../../flags.ts";
import { writeErr } from "../../output.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "config edit",
    summary: "Edit a configuration with $EDITOR, else vi; a result that cannot be used is refused.",
    flags: {},
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["EDITOR=nano aegis config edit my-agent"],
  },
  async ({ operands }, context) => {
    const entry = await chooseConfig(context, operands.NAME);
    const before = readIfPresent(entry.paths.file) ?? "";
    const copy = resolvePath(entry.paths.directory, `.edit-${uniqueSuffix()}.toml`);
    writeFileSync(copy, before, { mode: 0o600, flag: "wx" });
    await runEditor(context.environment, copy, before);
    const after = readIfPresent(copy) ?? "";
    keepIfValid(entry, context.environment, { copy, after });
    const what = after === before ? "Nothing changed in" : "Changed";
    writeErr(`${what} ${escapeControls(entry.paths.file)}\n`);
    return 0;
  },
);

/** Leaves the file behind only where it was changed. */
async function runEditor(environment: Environment, file: string, before: string): Promise<void> {
  const written = environment.EDITOR?.trim() ?? "";
  const words = (written === "" ? "vi" : written).split(/\s+/);
  const variables = Object.entries(environment).filter(([name]) => !name.startsWith("BUN_"));
  let status: number;
  try {
    const editor = Bun.spawn([...words, file], {
      env: Object.fromEntries(variables),
      stdio: ["inherit", "inherit", "inherit"],
    });
    status = await editor.exited;
  } catch (cause) {
    unlinkSync(file);
    throw new AegisError("config/invalid", `Cannot start the editor "${words.join(" ")}"`, {
      hint: "set EDITOR to the program you edit with",
      cause,
    });
  }
  if (status === 0) return;
  const isEdited = readIfPresent(file) !== before;
  if (!isEdited) unlinkSync(file);
  throw new AegisError("config/invalid", `Cannot use the edit: the editor ended with ${status}`, {
    hint: isEdited ? `nothing was changed; the edit is in ${file}` : "nothing was changed",
  });
}

function keepIfValid(
  entry: ConfigEntry,
  environment: Environment,
  edit: { readonly copy: string; readonly after: string },
): void {
  const backup = `${entry.paths.file}.bak`;
  try {
    parseConfig(entry, edit.after, environment);
  } catch (error) {
    renameSync(edit.copy, backup);
    if (!(error instanceof AegisError)) throw error;
    const hint = `nothing was changed; the edit is in ${backup}`;
    throw new AegisError(error.code, error.message, { hint, cause: error });
  }
  replaceFile(entry.paths.file, edit.after);
  unlinkSync(edit.copy);
}
