// Opening the ledger at a path: its rows there, its key and the memory of its head under
// AEGIS_HOME, where whoever edits the database does not reach by accident. Everybody closes what
// they opened through the two functions at the end.

import { statSync } from "node:fs";
import { AegisError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";
import { aegisPaths } from "../config/location.ts";
import type { Ledger } from "../ledger/contract.ts";
import { createHeadFile } from "../ledger/head-memory.ts";
import { createLedger } from "../ledger/ledger.ts";
import { keyFile } from "../ledger/signer.ts";
import { openSqliteStore } from "../ledger/sqlite.ts";
import type { Store } from "../ledger/store.ts";
import type { Surroundings } from "./surroundings.ts";

/** Opens the ledger, and makes it when absent. */
export async function openForWriting(
  around: Surroundings,
  path: AbsPath,
): Promise<Ledger & AsyncDisposable> {
  const ledger = assemble(around, path, openSqliteStore(path));
  return { ...ledger, [Symbol.asyncDispose]: () => ledger.close() };
}

/** Reads a ledger; one that was never written is empty, and is not made by looking at it. */
export async function withLedger<T>(
  around: Surroundings,
  path: AbsPath,
  use: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  const store = isPresent(path) ? openSqliteStore(path) : await emptyStore(path);
  const ledger = assemble(around, path, store);
  try {
    return await use(ledger);
  } finally {
    await ledger.close();
  }
}

/**
 * As `withLedger`, for what makes no sense on an empty one. @throws {AegisError} `ledger/not-found`
 */
export async function withExistingLedger<T>(
  around: Surroundings,
  path: AbsPath,
  use: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  if (isPresent(path)) return withLedger(around, path, use);
  throw new AegisError(
    "ledger/not-found",
    `Cannot open the ledger "${path}": nothing was recorded`,
    {
      hint: "record something first, for instance with `aegis run -- CMD`",
    },
  );
}

function assemble(around: Surroundings, path: AbsPath, store: Store): Ledger {
  const { keys } = aegisPaths(around.environment);
  const heads = resolvePath(keys, `heads/${sha256Hex(path).slice(0, 32)}`);
  return createLedger({
    store,
    keys: keyFile(resolvePath(keys, "ledger.key"), store.origin),
    memory: createHeadFile(heads),
  });
}

async function emptyStore(path: AbsPath): Promise<Store> {
  const { createMemoryStore } = await import("../ledger/memory.ts");
  return createMemoryStore(path);
}

function isPresent(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
