// Opening a ledger file with its key and its head memory: the one way the rest of aegis gets one.

import { statSync } from "node:fs";
import { sha256Hex } from "../base/hash.ts";
import type { Ledger } from "./contract.ts";
import { createHeadFile } from "./head-memory.ts";
import { createLedger } from "./ledger.ts";
import { keyFile } from "./signer.ts";
import { openSqliteStore } from "./sqlite.ts";
import type { Store } from "./store.ts";

export interface LedgerPlace {
  /** Absolute path of the database. */
  readonly database: string;
  /** Folder, apart from the database, of the signing key and the head memories. */
  readonly keys: string;
}

/**
 * Opens the ledger, and makes it with its folder when absent.
 * @throws {AegisError} `ledger/unavailable` when the file is no ledger or cannot be used
 */
export async function openLedger(place: LedgerPlace): Promise<Ledger> {
  return assemble(place, openSqliteStore(place.database));
}

/**
 * As `openLedger`, but makes nothing: a ledger that is absent reads as an empty one, and verify
 * says so when it was not always absent.
 */
export async function openLedgerForReading(place: LedgerPlace): Promise<Ledger> {
  if (statSync(place.database, { throwIfNoEntry: false })?.isFile()) return openLedger(place);
  const { createMemoryStore } = await import("./memory.ts");
  return assemble(place, createMemoryStore("aegis.local/absent"));
}

function assemble({ database, keys }: LedgerPlace, store: Store): Ledger {
  // By the database's place, not its content: whatever stands there later has to answer for it.
  const heads = `${keys}/heads/${sha256Hex(database).slice(0, 32)}`;
  return createLedger({
    store,
    keys: keyFile(`${keys}/ledger.key`, store.origin),
    memory: createHeadFile(heads),
  });
}
