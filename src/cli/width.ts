// How wide tables may be.

import type { Environment } from "../config/location.ts";
import { isTerminal } from "./output.ts";

/**
 * COLUMNS when set, the terminal's width when there is one, else undefined: what goes into a pipe
 * is never shortened.
 */
export function tableWidth(environment: Environment): number | undefined {
  const named = Number(environment.COLUMNS ?? "");
  if (Number.isInteger(named) && named > 0) return named;
  // process.stdout costs 8 ms to load, which a person at a terminal does not notice.
  return isTerminal(1) ? (process.stdout.columns ?? 80) : undefined;
}
