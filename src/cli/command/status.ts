// `aegis status`: health of one configuration. A part that is missing is an answer, not a failure.

import { chooseConfig } from "../../app/config/choose.ts";
import { type ConfigHealth, configHealth, type LedgerHealth } from "../../app/config/status.ts";
import type { ConfigStatus } from "../../wire/config.ts";
import { defineCommand } from "../command.ts";
import { configFlag, eitherSpelling, jsonFlag, nameOperand } from "../flags.ts";
import { writeOut } from "../output.ts";
import { isolationText, observerText } from "../render/config.ts";
import { type Fact, renderFacts, renderTitle } from "../render/facts.ts";
import { jsonText } from "../render/json.ts";
import { sizeText } from "../render/size.ts";
import { fullTime, isoTime } from "../render/time.ts";

export const command = defineCommand(
  {
    name: "status",
    summary: "Show whether a configuration and its ledger are in order.",
    flags: { config: configFlag, json: jsonFlag },
    operands: { NAME: nameOperand },
    launches: false,
    examples: ["aegis status my-agent"],
  },
  async ({ flags, operands }, context) => {
    const wanted = eitherSpelling(operands.NAME, "--config", flags.config);
    const name = wanted ?? (await chooseConfig(context, undefined)).name;
    const health = await configHealth(context, name);
    if (flags.json) writeOut(jsonText(statusView(health)));
    else writeOut(renderTitle(`Aegis Status: ${name}`) + renderFacts(statusFacts(health)));
    return 0;
  },
);

function statusFacts(health: ConfigHealth): Fact[] {
  const { paths, config } = health;
  if (!health.hasDirectory) {
    const hint = `MISSING (make it with \`aegis init ${health.name}\`)`;
    return [["Config dir", hint]];
  }
  const facts: Fact[] = [["Config dir", `OK (${paths.directory})`]];
  const problem = health.file === "INVALID" ? ` - ${health.problem}` : "";
  facts.push(["Config file", `${health.file}${problem}`]);
  if (config === undefined) return facts;
  const count = health.policyFiles;
  const policies = count === 0 ? "MISSING" : `${count} .cedar file(s)`;
  const unread = health.policyProblem;
  facts.push(["Policies", unread === undefined ? policies : `ERROR - ${unread}`]);
  facts.push(["Sandbox dir", health.hasSandbox ? `OK (${config.sandbox})` : "MISSING"]);
  facts.push(...ledgerFacts(health.ledger));
  facts.push(["Isolation", isolationText(config.isolation)]);
  facts.push(["Observer", observerText(config.observer)]);
  if (config.unused.length > 0) facts.push(["Not used yet", config.unused.join(", ")]);
  return facts;
}

function ledgerFacts(ledger: LedgerHealth | undefined): Fact[] {
  if (ledger === undefined) return [];
  if (ledger.sizeBytes === undefined) return [["Ledger size", "not yet created"]];
  const size: Fact = ["Ledger size", sizeText(ledger.sizeBytes)];
  const { content } = ledger;
  if (content === undefined) return [size, ["Ledger", `ERROR - ${ledger.problem}`]];
  const last = content.sessions[0];
  const denied = content.sessions.reduce((sum, session) => sum + session.deniedCount, 0);
  const facts: Fact[] = [
    size,
    ["Ledger", `${content.entries} entries`],
    ["Integrity", content.valid ? "OK" : `FAILED - ${content.message}`],
    ["Sessions", String(content.sessions.length)],
  ];
  if (last !== undefined) facts.push(["Last session", fullTime(last.openedUnixMs)]);
  if (last?.tag !== undefined) facts.push(["Last tag", last.tag]);
  facts.push(["Denied", `${denied} total`]);
  return facts;
}

function statusView(health: ConfigHealth): ConfigStatus {
  const { config, ledger } = health;
  const content = ledger?.content;
  const last = content?.sessions[0];
  const integrity = content === undefined ? null : content.valid ? "OK" : "FAILED";
  return {
    name: health.name,
    config_dir: health.hasDirectory ? "OK" : "MISSING",
    config_file: health.file,
    policy_files: health.policyFiles,
    sandbox_dir: health.hasSandbox ? "OK" : "MISSING",
    ledger: ledger?.path ?? health.paths.ledger,
    ledger_bytes: ledger?.sizeBytes ?? null,
    entries: content?.entries ?? null,
    integrity: ledger?.problem === undefined ? integrity : "ERROR",
    integrity_message: content?.message ?? ledger?.problem ?? health.problem ?? "",
    sessions: content?.sessions.length ?? null,
    last_session: last === undefined ? null : isoTime(last.openedUnixMs),
    last_tag: last?.tag ?? null,
    denied: content?.sessions.reduce((sum, session) => sum + session.deniedCount, 0) ?? null,
    isolation: config === undefined ? "" : isolationText(config.isolation),
    observer: config === undefined ? "" : observerText(config.observer),
  };
}
