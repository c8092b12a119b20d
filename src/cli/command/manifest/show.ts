// `aegis manifest show`

import { requireManifest } from "../../../app/manifest-files.ts";
import { resolvePath } from "../../../base/paths.ts";
import { resolvedManifest } from "../../../control/manifest/resolve.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { writeOut } from "../../output.ts";

export const command = defineCommand(
  {
    name: "manifest show",
    summary: "Print a manifest as JSON, with the defaults for what it leaves out.",
    flags: {},
    operands: { FILE: { required: true, summary: "The manifest" } },
    launches: false,
    examples: ["aegis manifest show aegis-manifest.json"],
  },
  async ({ operands }, { directory }) => {
    const manifest = await requireManifest(resolvePath(directory, operands.FILE));
    writeOut(`${JSON.stringify(resolvedManifest(manifest), undefined, 2)}\n`);
    return exitStatus.ok;
  },
);
