// `aegis list`

import { type ListedConfig, listedConfigs } from "../../app/config/list.ts";
import type { ConfigList } from "../../wire/config.ts";
import { defineCommand } from "../command.ts";
import { jsonFlag } from "../flags.ts";
import { writeErr, writeOut } from "../output.ts";
import { isolationText } from "../render/config.ts";
import { jsonText } from "../render/json.ts";
import { renderTable } from "../render/table.ts";
import { escapeControls } from "../render/text.ts";
import { isoTime, shortTime } from "../render/time.ts";
import { tableWidth } from "../width.ts";

const columns = [
  { title: "NAME", shrinkTo: 12 },
  { title: "TYPE" },
  { title: "POLICY", shrinkTo: 10 },
  { title: "ISOLATION" },
  { title: "SESSIONS", align: "right" },
  { title: "LAST USED" },
] as const;

export const command = defineCommand(
  {
    name: "list",
    summary: "List configurations, used last first; `*` marks the active one.",
    flags: { json: jsonFlag },
    operands: {},
    launches: false,
    examples: ["aegis list"],
  },
  async ({ flags }, context) => {
    const listed = await listedConfigs(context);
    if (flags.json) {
      writeOut(jsonText({ configurations: listed.map(view) } satisfies ConfigList));
      return 0;
    }
    if (listed.length === 0) {
      writeOut("0 configuration(s) found.\n");
      writeErr("hint: make one with `aegis init NAME`, or `aegis wrap -- CMD`\n");
      return 0;
    }
    writeOut(renderTable(columns, listed.map(row), tableWidth(context.environment)));
    writeOut(`\n${listed.length} configuration(s) found.\n`);
    for (const { entry, problem } of listed)
      if (problem !== undefined) writeErr(`${entry.name}: ${escapeControls(problem)}\n`);
    return 0;
  },
);

function row(config: ListedConfig): string[] {
  const { entry, isolation, lastUsedUnixMs } = config;
  return [
    `${entry.name}${config.active ? " *" : ""}`,
    entry.kind,
    config.policy,
    isolation === undefined ? "unknown" : isolationText(isolation),
    String(config.sessions),
    lastUsedUnixMs === undefined ? "never" : shortTime(lastUsedUnixMs),
  ];
}

function view(config: ListedConfig): ConfigList["configurations"][number] {
  const { entry, isolation, lastUsedUnixMs } = config;
  return {
    name: entry.name,
    type: entry.kind,
    policy: config.policy,
    isolation: isolation === undefined ? "" : isolationText(isolation),
    sessions: config.sessions,
    last_used: lastUsedUnixMs === undefined ? null : isoTime(lastUsedUnixMs),
    active: config.active,
    problem: config.problem ?? null,
  };
}
