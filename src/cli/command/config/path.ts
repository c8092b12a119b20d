// `aegis config path`

import { chooseConfig } from "../../../app/config/choose.ts";
import type { ConfigPath } from "../../../wire/config.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag, nameOperand } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { jsonText } from "../../render/json.ts";
import { escapeControls } from "../../render/text.ts";

export const command = defineCommand(
  {
    name: "config path",
    summary: "Print where a configuration file is.",
    flags: { json: jsonFlag },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis config path my-agent"],
  },
  async ({ flags, operands }, context) => {
    const { paths } = await chooseConfig(context, operands.NAME);
    const answer: ConfigPath = { path: paths.file };
    writeOut(flags.json ? jsonText(answer) : `${escapeControls(answer.path)}\n`);
    return 0;
  },
);
