// `aegis manifest show`

import { requireManifest } from "../../../app/manifest/files.ts";
import { bytesToSign } from "../../../app/manifest/sign.ts";
import { resolvePath } from "../../../base/paths.ts";
import { resolvedManifest } from "../../../control/manifest/resolve.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { writeOut } from "../../output.ts";

export const command = defineCommand(
  {
    name: "manifest show",
    summary: "Print a manifest as JSON, with the defaults for what it leaves out.",
    flags: {
      "signed-bytes": {
        kind: "switch",
        summary: "Instead: the exact bytes that a signature covers",
      },
    },
    operands: { FILE: { required: true, summary: "The manifest" } },
    launches: false,
    examples: [
      "aegis manifest show aegis-manifest.json",
      "aegis manifest show --signed-bytes aegis-manifest.json > signed",
    ],
  },
  async ({ flags, operands }, { directory }) => {
    const path = resolvePath(directory, operands.FILE);
    if (flags["signed-bytes"]) {
      // They are UTF-8 without a line feed at their end.
      writeOut(new TextDecoder().decode(await bytesToSign(path)));
      return exitStatus.ok;
    }
    const manifest = await requireManifest(path);
    writeOut(`${JSON.stringify(resolvedManifest(manifest), undefined, 2)}\n`);
    return exitStatus.ok;
  },
);
