// What a person is told about a limit the box came to, and the smallest change that lifts it.

import { defaultSource, formatLimit, type LimitHit, type Limits } from "../../model/limits.ts";
import type { LimitHitAdvice } from "./result.ts";

/** Where flags' wishes say they come from. */
export const flagSource = "--limit";

export function adviseOnLimits(
  hits: readonly LimitHit[],
  limits: Limits,
): readonly LimitHitAdvice[] {
  return hits.map((hit) => {
    const { limit: name, effect, value, seen, exe } = hit;
    const source = limits.find((limit) => limit.name === name)?.source ?? defaultSource;
    return {
      limit: name,
      effect,
      value: formatLimit(name, value),
      seen: formatLimit(name, seen),
      source,
      exe,
      fix: fixFor(hit, source),
    };
  });
}

/** Flags cannot loosen what others ask for: the tightest holds. */
function fixFor({ limit, value, seen }: LimitHit, source: string): string {
  const enough = formatLimit(limit, Math.max(value * 2, seen));
  if (source === defaultSource || source === flagSource) return `--limit ${limit}=${enough}`;
  // A line of Cedar, a manifest as a whole, or a section of a configuration.
  if (/:\d+$/.test(source)) return `@limit_${limit.replaceAll("-", "_")}("${enough}") in ${source}`;
  if (source.startsWith("[")) return `${limit} = "${enough}" in ${source}`;
  return `"max_wall_time_ms": ${Math.max(value * 2, seen)} in ${source}`;
}
