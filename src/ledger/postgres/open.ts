// A ledger in PostgreSQL with its key and its head memory, which stay on this machine: whoever can
// change the database has to reach them as well.

import { sha256Hex } from "../../base/hash.ts";
import type { Ledger } from "../contract.ts";
import { createLedger } from "../ledger.ts";
import type { Store } from "../store.ts";
import { createHeadFile, type HeadMemory } from "../tree/head-memory.ts";
import { type KeySource, keyFile } from "../tree/signer.ts";
import type { PostgresPlace } from "./place.ts";
import { openPostgresStore } from "./store.ts";

/**
 * @param keys folder of the signing key and the head memories
 * @throws {AegisError} `ledger/not-found` when there is none in the database
 */
export async function openPostgresLedger(
  place: PostgresPlace,
  keys: string,
  wrapped: (store: Store) => Store = (store) => store,
): Promise<Ledger> {
  const store = wrapped(await openPostgresStore(place, "refuse"));
  return createLedger({ store, ...outsideOf(place, keys, store.origin) });
}

/** What a ledger in PostgreSQL has on this machine. */
export function outsideOf(
  place: PostgresPlace,
  keys: string,
  origin: string,
): { readonly keys: KeySource; readonly memory: HeadMemory } {
  return {
    keys: keyFile(`${keys}/ledger.key`, origin),
    memory: createHeadFile(postgresHeadsPath(place, keys)),
  };
}

/** By the place, not its content: whatever stands there later has to answer for it. */
export function postgresHeadsPath(
  { host, port, database, searchPath = "" }: PostgresPlace,
  keys: string,
): string {
  const named = JSON.stringify(["postgres", host, port, database, searchPath]);
  return `${keys}/heads/${sha256Hex(named).slice(0, 32)}`;
}
