// `aegis manifest install`: the name is the documented one; nothing is copied anywhere.

import { checkIntegrity, requireManifestText } from "../../../app/manifest/files.ts";
import { judgeInProd } from "../../../app/manifest/trust.ts";
import { AegisError } from "../../../base/errors.ts";
import { parentOf, resolvePath } from "../../../base/paths.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { trustFlags, trustOptions } from "../../manifest-flags.ts";
import { writeOut } from "../../output.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "manifest install",
    summary: "Check a manifest and every file that it vouches for.",
    flags: {
      dir: {
        kind: "text",
        value: "DIR",
        summary: "The files' folder. Default: the one the manifest is in.",
      },
      ...trustFlags,
    },
    operands: { FILE: { required: true, summary: "The manifest" } },
    launches: false,
    examples: ["aegis manifest install skill/aegis-manifest.json"],
    notes: [
      "integrity.files names files and their SHA-256; a link, a path that leaves the folder and a " +
        "file that is missing are errors. integrity.tree_sha256 covers every file below the folder " +
        "but the manifest itself.",
      "Nothing is copied: an agent is started from where its files are.",
    ],
  },
  async ({ flags, operands }, { directory }) => {
    const path = resolvePath(directory, operands.FILE);
    const read = await requireManifestText(path);
    const { manifest } = read;
    const { mode, file } = trustOptions(flags, directory);
    if (mode === "prod") {
      const verdict = await judgeInProd({ path, ...read }, file);
      if (!verdict.ok) throw new AegisError("policy/invalid", verdict.error);
    }
    const folder = flags.dir === undefined ? parentOf(path) : resolvePath(directory, flags.dir);
    writeOut(`${escapeControls(`Verifying "${manifest.name}" v${manifest.version}...`)}\n`);
    const { count, problems } = checkIntegrity(manifest, folder, path);
    if (problems.length > 0) {
      throw new AegisError("policy/invalid", `manifest: integrity: ${problems.join("\n  ")}`);
    }
    writeOut(count === 1 ? "OK: the 1 file matches\n" : `OK: all ${count} files match\n`);
    return exitStatus.ok;
  },
);
