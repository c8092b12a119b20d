// `aegis audit purge`: what is old, and who says so.

import { userInfo } from "node:os";
import { AegisError } from "../../base/errors.ts";
import type { Ledger, Purged, PurgeScope } from "../../ledger/contract.ts";
import type { Surroundings } from "../surroundings.ts";

const unitsMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 };
const durationMax = 365_000;

/** @throws {AegisError} `usage` for anything but a positive number of days, hours or minutes */
export function durationMs(text: string): number {
  const [, digits = "", unit = ""] = /^([1-9][0-9]{0,5})([dhm])$/.exec(text) ?? [];
  const ms = Number(digits) * (unitsMs[unit] ?? 0);
  if (ms > 0 && Number(digits) <= durationMax) return ms;
  throw new AegisError("usage", `Cannot use "${text}" as an age`, {
    hint: `give days, hours or minutes, up to ${durationMax} of them, for instance 90d, 12h or 30m`,
  });
}

/** What would be purged. */
export async function purgeScope(
  ledger: Ledger,
  age: string,
  { clock }: Pick<Surroundings, "clock">,
): Promise<PurgeScope> {
  return ledger.purgeable(Math.max(0, clock.nowUnixMs() - durationMs(age)));
}

export async function purge(
  ledger: Ledger,
  age: string,
  { clock, directory }: Pick<Surroundings, "clock" | "directory">,
): Promise<Purged> {
  const tsUnixMs = clock.nowUnixMs();
  return ledger.purge({
    beforeUnixMs: Math.max(0, tsUnixMs - durationMs(age)),
    tsUnixMs,
    by: accountName(),
    command: ["aegis", "audit", "purge", age],
    directory,
  });
}

/** As the system knows it: what the environment says anybody may set. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // ignored: an account without an entry is known by its number
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
