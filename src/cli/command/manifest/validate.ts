// `aegis manifest validate`

import { readManifest } from "../../../app/manifest/files.ts";
import { judgeInProd } from "../../../app/manifest/trust.ts";
import { resolvePath } from "../../../base/paths.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { trustFlags, trustOptions } from "../../manifest-flags.ts";
import { writeErr, writeOut } from "../../output.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "manifest validate",
    summary: "Check what a capability manifest says.",
    flags: trustFlags,
    operands: { FILE: { required: true, summary: "The manifest" } },
    launches: false,
    examples: ["aegis manifest validate aegis-manifest.json"],
    notes: [
      "The first flaw is told after INVALID, one of the signature after SIGNATURE INVALID, and the " +
        "exit status is 1. Standard error says where it is, and what would mend it. Files are not " +
        "looked at: `manifest verify` does.",
    ],
  },
  async ({ flags, operands }, { directory }) => {
    const path = resolvePath(directory, operands.FILE);
    const read = await readManifest(path);
    if (!read.ok) {
      const { line, column } = read.at;
      writeErr(`${escapeControls(`${operands.FILE}:${line}:${column}`)}\n`);
      if (read.hint !== "") writeErr(`${escapeControls(`hint: ${read.hint}`)}\n`);
      return failed(`INVALID: ${read.message}`);
    }
    const { mode, file } = trustOptions(flags, directory);
    if (mode === "prod") {
      const verdict = await judgeInProd({ path, ...read }, file);
      if (!verdict.ok) return failed(`SIGNATURE INVALID: ${verdict.error}`);
    }
    const { name, version, publisher } = read.manifest;
    writeOut(`${escapeControls(`OK: manifest "${name}" v${version} by ${publisher}`)}\n`);
    return exitStatus.ok;
  },
);

function failed(text: string): number {
  writeOut(`${escapeControls(text)}\n`);
  return exitStatus.failed;
}
