// `aegis policy list`: the files of a configuration, or what comes with aegis.

import { chooseConfig } from "../../../app/config/choose.ts";
import { configuredFiles } from "../../../app/policy/configured.ts";
import { loadConfig } from "../../../config/config.ts";
import { readIfPresent } from "../../../config/files.ts";
import { profileNames } from "../../../policy/profiles.ts";
import { templates } from "../../../policy/templates.ts";
import type { PolicyList, TemplateList } from "../../../wire/policy.ts";
import { defineCommand } from "../../command.ts";
import { configFlag, eitherSpelling, jsonFlag, nameOperand } from "../../flags.ts";
import { renderTerms } from "../../help.ts";
import { writeOut } from "../../output.ts";
import { jsonText } from "../../render/json.ts";
import { escapeControls } from "../../render/text.ts";
import { warn } from "../../warn.ts";

export const command = defineCommand(
  {
    name: "policy list",
    summary: "List the policy files of a configuration, or the templates.",
    flags: {
      templates: { kind: "switch", summary: "The templates and profiles that come with aegis" },
      config: configFlag,
      json: jsonFlag,
    },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis policy list my-agent", "aegis policy list --templates"],
  },
  async ({ flags, operands }, context) => {
    if (flags.templates) {
      const list: TemplateList = {
        templates: templates.map(({ name, summary }) => ({ name, summary })),
        profiles: [...profileNames],
      };
      writeOut(flags.json ? jsonText(list) : renderTemplates(list));
      return 0;
    }
    const entry = await chooseConfig(
      context,
      eitherSpelling(operands.NAME, "--config", flags.config),
    );
    const { paths, warnings } = configuredFiles(loadConfig(entry, context.environment));
    warn(warnings);
    const list: PolicyList = {
      configuration: entry.name,
      files: paths.map((path) => ({ path, first_line: firstLine(readIfPresent(path) ?? "") })),
    };
    writeOut(flags.json ? jsonText(list) : renderFiles(list));
    return 0;
  },
);

function renderTemplates({ templates: known, profiles }: TemplateList): string {
  const terms = known.map(({ name, summary }) => [name, summary] as const);
  return `Templates (--policy NAME):\n${renderTerms(terms)}
Profiles (--profile NAME):\n  ${profiles.join(" ")}\n`;
}

function renderFiles({ files }: PolicyList): string {
  if (files.length === 0) return "No policy files: everything is denied.\n";
  return files
    .map(({ path, first_line }) => {
      const name = path.slice(path.lastIndexOf("/") + 1);
      return `  ${escapeControls(name)}: ${escapeControls(first_line)}\n`;
    })
    .join("");
}

/** The first line that is neither comment nor annotation. */
function firstLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => line !== "" && !/^(\/\/|@)/.test(line)) ?? "";
}
