// Opening a ledger file with its key and its head memory: the one way the rest of aegis gets one.

import { statSync } from "node:fs";
import { AegisError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import type { Ledger } from "./contract.ts";
import { createLedger } from "./ledger.ts";
import { openSteadyStore } from "./sqlite/steady-store.ts";
import type { Store } from "./store.ts";
import { createHeadFile, type HeadMemory } from "./tree/head-memory.ts";
import { type KeySource, keyFile } from "./tree/signer.ts";
import { absentLedger } from "./verify/heads.ts";

export interface LedgerPlace {
  /** Absolute path of the database. */
  readonly database: string;
  /** Folder, apart from the database, of the signing key and the head memories. */
  readonly keys: string;
}

/**
 * Opens the ledger, and makes it with its folder when absent.
 * @param wrapped the store as it is to be used, for instance through keys
 * @throws {AegisError} `ledger/unavailable` when the file is no ledger or cannot be used
 */
export async function openLedger(
  place: LedgerPlace,
  wrapped: (store: Store) => Store = (store) => store,
): Promise<Ledger> {
  return assemble(place, wrapped(openSteadyStore(place.database)));
}

/**
 * As `openLedger`, but makes nothing: a ledger that is absent reads as an empty one, and verify
 * says so when it was not always absent.
 */
export async function openLedgerForReading(place: LedgerPlace): Promise<Ledger> {
  if (statSync(place.database, { throwIfNoEntry: false })?.isFile()) return openLedger(place);
  const { createMemoryStore } = await import("./memory.ts");
  const { memory } = outsideOf(place, "");
  return createLedger({
    store: createMemoryStore(absentLedger),
    keys: noKeys(place),
    memory,
  });
}

function assemble(place: LedgerPlace, store: Store): Ledger {
  return createLedger({ store, ...outsideOf(place, store.origin) });
}

/** What a ledger in SQLite has apart from its database. */
export function outsideOf(
  place: LedgerPlace,
  origin: string,
): { readonly keys: KeySource; readonly memory: HeadMemory } {
  return { keys: keyFile(keyPath(place), origin), memory: createHeadFile(headsPath(place)) };
}

/** The signing key of every ledger of this user. */
export function keyPath({ keys }: LedgerPlace): string {
  return `${keys}/ledger.key`;
}

/** By the database's place, not its content: whatever stands there later has to answer for it. */
export function headsPath({ database, keys }: LedgerPlace): string {
  return `${keys}/heads/${sha256Hex(database).slice(0, 32)}`;
}

/** Nothing is signed, and so nothing remembered, of a ledger that is not there. */
function noKeys({ database }: LedgerPlace): KeySource {
  return {
    verifierKey: async () => undefined,
    recordKey: async () => undefined,
    async signer() {
      const message = `Cannot sign the ledger "${database}": nothing was recorded there`;
      throw new AegisError("ledger/not-found", message, {
        hint: "record something first, for instance with `aegis run -- CMD`",
      });
    },
  };
}
