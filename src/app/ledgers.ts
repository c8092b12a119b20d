// Opening ledgers for commands that read them.

import { AegisError } from "../base/errors.ts";
import type { AbsPath } from "../base/paths.ts";
import type { Ledger } from "../ledger/contract.ts";
import type { Surroundings } from "./surroundings.ts";

/** Opens, hands over and closes again whatever happens. */
export async function withLedger<T>(
  _around: Surroundings,
  path: AbsPath,
  _use: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  throw new AegisError("ledger/unavailable", `Cannot open "${path}"`);
}
