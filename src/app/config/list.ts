// All configurations with what a list says about each. One that is broken is listed with its
// problem.

import { type ConfigEntry, listConfigs, loadConfig, readCurrent } from "../../config/config.ts";
import { readIfPresent } from "../../config/files.ts";
import { aegisPaths } from "../../config/location.ts";
import type { Isolation } from "../../config/schema.ts";
import { templates } from "../../policy/templates.ts";
import { withLedger } from "../ledger/ledgers.ts";
import { configuredFiles } from "../policy/configured.ts";
import type { Surroundings } from "../surroundings.ts";

export interface ListedConfig {
  readonly entry: ConfigEntry;
  readonly active: boolean;
  /** Name of the template its text equals, else `custom`; `none` without a policy file. */
  readonly policy: string;
  readonly isolation: Isolation | undefined;
  readonly sessions: number;
  readonly lastUsedUnixMs: number | undefined;
  readonly problem: string | undefined;
}

/** Used last first, then by name. */
export async function listedConfigs(around: Surroundings): Promise<readonly ListedConfig[]> {
  const paths = aegisPaths(around.environment);
  const current = readCurrent(paths);
  const listed: ListedConfig[] = [];
  for (const entry of listConfigs(paths)) {
    const hidden = listed.some((other) => other.entry.name === entry.name);
    listed.push(await look(around, entry, !hidden && entry.name === current));
  }
  return listed.sort((a, b) => (b.lastUsedUnixMs ?? 0) - (a.lastUsedUnixMs ?? 0));
}

async function look(
  around: Surroundings,
  entry: ConfigEntry,
  active: boolean,
): Promise<ListedConfig> {
  const unknown = { isolation: undefined, sessions: 0, lastUsedUnixMs: undefined };
  try {
    const config = loadConfig(entry, around.environment);
    const { isolation, ledger: path } = config;
    const policy = templateOf(
      configuredFiles(config).paths.map((file) => readIfPresent(file) ?? ""),
    );
    const sessions = await withLedger(around, path, (ledger) =>
      ledger.sessions({ last: Number.MAX_SAFE_INTEGER }),
    );
    return {
      entry,
      active,
      policy,
      isolation,
      sessions: sessions.length,
      lastUsedUnixMs: sessions[0]?.openedUnixMs,
      problem: undefined,
    };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { entry, active, policy: "unknown", ...unknown, problem };
  }
}

function templateOf(texts: readonly string[]): string {
  if (texts.length === 0) return "none";
  const [text] = texts;
  const template = templates.find((each) => each.text === text);
  return texts.length === 1 && template !== undefined ? template.name : "custom";
}
