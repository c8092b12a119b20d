// `aegis manifest validate`

import { readManifest } from "../../../app/manifest-files.ts";
import { resolvePath } from "../../../base/paths.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { trustModeFlag, unprovenSignature } from "../../manifest-flags.ts";
import { writeOut } from "../../output.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "manifest validate",
    summary: "Check what a capability manifest says.",
    flags: { "trust-mode": trustModeFlag },
    operands: { FILE: { required: true, summary: "The manifest" } },
    launches: false,
    examples: ["aegis manifest validate aegis-manifest.json"],
    notes: ["The first flaw is told after INVALID, and the exit status is 1."],
  },
  async ({ flags, operands }, { directory }) => {
    const read = await readManifest(resolvePath(directory, operands.FILE));
    if (!read.ok) return failed(`INVALID: ${read.message}`);
    if (flags["trust-mode"] === "prod") return failed(`SIGNATURE INVALID: ${unprovenSignature}`);
    const { name, version, publisher } = read.manifest;
    writeOut(`${escapeControls(`OK: manifest "${name}" v${version} by ${publisher}`)}\n`);
    return exitStatus.ok;
  },
);

function failed(text: string): number {
  writeOut(`${escapeControls(text)}\n`);
  return exitStatus.failed;
}
