// `aegis policy generate`

import { requireTemplate } from "../../../app/config/init.ts";
import { AegisError } from "../../../base/errors.ts";
import { platformName } from "../../../enforce/select.ts";
import { wholeText } from "../../../policy/templates.ts";
import { defineCommand } from "../../command.ts";
import { eitherSpelling } from "../../flags.ts";
import { writeErr, writeOut } from "../../output.ts";

export const command = defineCommand(
  {
    name: "policy generate",
    summary: "Print a template, to be edited.",
    flags: {
      template: { kind: "text", value: "NAME", summary: "The template; same as NAME" },
      whole: {
        kind: "switch",
        summary: "Also print the rules of the profiles that are used along with it",
      },
    },
    operands: { NAME: { required: false, summary: "See `aegis policy list --templates`" } },
    launches: false,
    examples: ["aegis policy generate workspace > agent.cedar"],
  },
  async ({ flags, operands }) => {
    const name = eitherSpelling(operands.NAME, "--template", flags.template);
    if (name === undefined) {
      throw new AegisError("usage", "Cannot print a template: NAME is missing", {
        hint: "run `aegis policy list --templates` for the names",
      });
    }
    const template = requireTemplate(name);
    writeOut(flags.whole ? wholeText(template, platformName) : template.text);
    if (!flags.whole && template.profiles.length > 0) {
      const profiles = template.profiles.map((profile) => `--profile ${profile}`);
      writeErr(`hint: use the file with ${profiles.join(" ")}, or print all with --whole\n`);
    }
    return 0;
  },
);
