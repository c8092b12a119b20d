// `aegis policy import`

import { chooseConfig } from "../../../app/config/choose.ts";
import { importPolicy } from "../../../app/policy/import.ts";
import type { PolicyImport } from "../../../wire/policy.ts";
import { defineCommand } from "../../command.ts";
import { configFlag, jsonFlag } from "../../flags.ts";
import { writeErr, writeOut } from "../../output.ts";
import { jsonText } from "../../render/json.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "policy import",
    summary: "Check policies and copy them into a configuration.",
    flags: { config: configFlag, json: jsonFlag },
    operands: { PATH: { required: true, summary: "A .cedar file, or a folder of them" } },
    launches: false,
    examples: ["aegis policy import agent.cedar --config my-agent"],
  },
  async ({ flags, operands }, context) => {
    const entry = await chooseConfig(context, flags.config);
    const { from, to, policyCount, warnings } = await importPolicy(context, entry, operands.PATH);
    const view: PolicyImport = { from, to, policies: policyCount, warnings: [...warnings] };
    for (const warning of warnings) writeErr(`warning: ${escapeControls(warning)}\n`);
    const text = `Imported ${policyCount} policies from ${from} to ${to}`;
    writeOut(flags.json ? jsonText(view) : `${escapeControls(text)}\n`);
    return 0;
  },
);
