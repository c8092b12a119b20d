// `aegis config show`: what aegis understood of a configuration. Sections with secrets are named,
// never printed.

import { chooseConfig } from "../../../app/config/choose.ts";
import { configuredFiles } from "../../../app/policy/configured.ts";
import { type Config, loadConfig } from "../../../config/config.ts";
import type { ShownConfig } from "../../../wire/config.ts";
import { defineCommand } from "../../command.ts";
import { jsonFlag, nameOperand } from "../../flags.ts";
import { writeOut } from "../../output.ts";
import { isolationText, observerText } from "../../render/config.ts";
import { type Fact, renderFacts } from "../../render/facts.ts";
import { jsonText } from "../../render/json.ts";
import { warn } from "../../warn.ts";

export const command = defineCommand(
  {
    name: "config show",
    summary: "Show a configuration.",
    flags: { json: jsonFlag },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis config show my-agent"],
  },
  async ({ flags, operands }, context) => {
    const entry = await chooseConfig(context, operands.NAME);
    const config = loadConfig(entry, context.environment);
    const { paths, warnings } = configuredFiles(config);
    const files = paths.map((path) => path.slice(path.lastIndexOf("/") + 1));
    warn(warnings);
    writeOut(flags.json ? jsonText(shown(config, files)) : renderFacts(facts(config, files)));
    return 0;
  },
);

function facts(config: Config, files: readonly string[]): Fact[] {
  const network = config.allowedNetwork.map(
    ({ host, port, protocol }) => `${protocol} ${host}${port === undefined ? "" : `:${port}`}`,
  );
  const lines: Fact[] = [
    ["Configuration", config.name],
    ["Type", config.kind],
    ["Agent", config.agent],
    ["Directory", config.sandbox],
    ...config.policyPaths.map((path): Fact => ["Policies", path]),
    ...files.map((name): Fact => ["", name]),
    ["Ledger", config.ledger],
    ["Isolation", isolationText(config.isolation)],
    ["Observer", observerText(config.observer)],
    ["Network", network.length === 0 ? "none" : network.join(", ")],
  ];
  if (config.schemaPath !== undefined) lines.push(["Schema", config.schemaPath]);
  lines.push(["Config at", config.paths.file]);
  if (config.unused.length > 0)
    lines.push([
      "Not used yet",
      `${config.unused.join(", ")} (no command of this build acts on it)`,
    ]);
  return lines;
}

function shown(config: Config, files: readonly string[]): ShownConfig {
  return {
    name: config.name,
    type: config.kind,
    agent: config.agent,
    directory: config.paths.directory,
    config: config.paths.file,
    sandbox: config.sandbox,
    policy_paths: [...config.policyPaths],
    policy_files: [...files],
    ledger: config.ledger,
    isolation: config.isolation,
    observer: config.observer.kind,
    network: config.allowedNetwork.map((rule) => ({ ...rule, port: rule.port ?? null })),
    unused_sections: [...config.unused],
  };
}
