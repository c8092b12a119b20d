// Opening a ledger file with its key and its head memory: the one way the rest of aegis gets one.

import { sha256Hex } from "../base/hash.ts";
import type { Ledger } from "./contract.ts";
import { createHeadFile } from "./head-memory.ts";
import { createLedger } from "./ledger.ts";
import { keyFile } from "./signer.ts";
import { openSqliteStore } from "./sqlite.ts";

export interface LedgerPlace {
  /** Absolute path of the database; made with its folder when absent. */
  readonly database: string;
  /** AEGIS_HOME: holds the signing key and, apart from the database, the head memory. */
  readonly home: string;
}

/** @throws {AegisError} `ledger/unavailable` when the file is no ledger or cannot be used */
export async function openLedger({ database, home }: LedgerPlace): Promise<Ledger> {
  const store = openSqliteStore(database);
  // By the database's place, not its content: whatever stands there later has to answer for it.
  const heads = `${home}/keys/heads/${sha256Hex(database).slice(0, 32)}`;
  return createLedger({
    store,
    keys: keyFile(`${home}/keys/ledger.key`, store.origin),
    memory: createHeadFile(heads),
  });
}
