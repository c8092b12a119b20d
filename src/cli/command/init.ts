// `aegis init`

import { initConfig } from "../../app/config/init.ts";
import { AegisError } from "../../base/errors.ts";
import { resolvePath } from "../../base/paths.ts";
import type { CreatedConfig } from "../../wire/config.ts";
import { defineCommand } from "../command.ts";
import { jsonFlag } from "../flags.ts";
import { writeOut } from "../output.ts";
import { type Fact, renderFacts } from "../render/facts.ts";
import { jsonText } from "../render/json.ts";
import { escapeControls } from "../render/text.ts";

export const command = defineCommand(
  {
    name: "init",
    summary: "Make a configuration and make it the active one.",
    flags: {
      policy: {
        kind: "text",
        value: "TEMPLATE",
        default: "default-deny",
        summary: "Policy to start with; `aegis policy list --templates` names them",
      },
      dir: {
        kind: "text",
        value: "DIR",
        summary: "Folder the agent works in; without it one of its own",
      },
      json: jsonFlag,
    },
    operands: { NAME: { required: false, summary: "Name of the configuration, the agent's name" } },
    launches: false,
    examples: ["aegis init my-agent --policy workspace --dir ~/my-project"],
  },
  async ({ flags, operands }, context) => {
    if (operands.NAME === undefined) {
      throw new AegisError("usage", 'Cannot run "aegis init": NAME is missing', {
        hint: "for instance `aegis init my-agent --policy workspace --dir .`",
      });
    }
    const { entry, sandbox } = initConfig(context, {
      name: operands.NAME,
      policy: flags.policy,
      directory: flags.dir,
    });
    const { directory, file, policies } = entry.paths;
    const policy = resolvePath(policies, "default.cedar");
    const created: CreatedConfig = { name: entry.name, directory, config: file, policy, sandbox };
    const facts: Fact[] = [
      ["Config", file],
      ["Policy", policy],
      ["Sandbox", sandbox],
    ];
    const title = `Initialized aegis configuration at ${escapeControls(directory)}\n`;
    writeOut(flags.json ? jsonText(created) : title + renderFacts(facts));
    return 0;
  },
);
