// `aegis manifest generate`

import { generateManifest } from "../../../app/manifest/generate.ts";
import { resolvePath } from "../../../base/paths.ts";
import { generateReport } from "../../../control/manifest/generate.ts";
import { defineCommand } from "../../command.ts";
import { exitStatus } from "../../exit.ts";
import { writeOut } from "../../output.ts";

export const command = defineCommand(
  {
    name: "manifest generate",
    summary: "Search a folder of code for suspicious patterns and write a manifest for it.",
    flags: {
      "audit-only": { kind: "switch", summary: "Grant reading alone, whatever is found" },
      "client-config": {
        kind: "text",
        value: "FILE",
        summary: "Also write an OpenClaw client's configuration, a new file",
      },
      force: { kind: "switch", summary: "Replace the manifest that is there" },
    },
    operands: { DIR: { required: true, summary: "The folder" } },
    launches: false,
    examples: ["aegis manifest generate ./skill"],
    notes: [
      "Writes DIR/aegis-manifest.json and prints what was found as JSON. A critical finding leaves " +
        "only reading. Patterns are found by text: finding none proves nothing, and the manifest " +
        "is a draft for a person to read.",
    ],
  },
  async ({ flags, operands }, { directory }) => {
    const { "audit-only": auditOnly, force, "client-config": config } = flags;
    const clientConfig = config === undefined ? undefined : resolvePath(directory, config);
    const options = { auditOnly, force, clientConfig };
    const generated = generateManifest(resolvePath(directory, operands.DIR), options);
    writeOut(`${JSON.stringify(generateReport(generated), undefined, 2)}\n`);
    return exitStatus.ok;
  },
);
