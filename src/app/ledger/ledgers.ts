// Opening the ledger at a path. Everybody closes what they opened through one of these functions.

import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { isFile } from "../../config/files.ts";
import { aegisPaths } from "../../config/location.ts";
import type { Ledger } from "../../ledger/contract.ts";
import { openLedger, openLedgerForReading, outsideOf } from "../../ledger/open.ts";
import type { Store } from "../../ledger/store.ts";
import type { Surroundings } from "../surroundings.ts";

/**
 * Opens the ledger, and makes it when absent.
 * @param wrapped as `seenThroughKeys` gives it, where clients' events are read or written
 */
export async function openForWriting(
  around: Surroundings,
  path: AbsPath,
  wrapped?: (store: Store) => Store,
): Promise<Ledger & AsyncDisposable> {
  const { keys } = aegisPaths(around.environment);
  const ledger = await openLedger({ database: path, keys }, wrapped);
  return { ...ledger, [Symbol.asyncDispose]: () => ledger.close() };
}

/** How clients' events are read where they are encrypted; loaded only where there are keys. */
export async function seenThroughKeys(
  around: Surroundings,
): Promise<((store: Store) => Store) | undefined> {
  const file = around.environment.AEGIS_PAYLOAD_KEYS;
  if (file === undefined || file === "") return undefined;
  const { readingStore } = await import("../serve/payload-keys.ts");
  return readingStore(resolvePath(around.directory, file));
}

/** Reads a ledger; one that was never written is empty, and is not made by looking at it. */
export async function withLedger<T>(
  around: Surroundings,
  path: AbsPath,
  use: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  await using ledger = isFile(path)
    ? await openForWriting(around, path, await seenThroughKeys(around))
    : await emptyLedger(around, path);
  return await use(ledger);
}

/** How often to look for a ledger that is waited for, milliseconds. */
const lookMs = 250;

/** Waits for the first that is recorded at this path. False when it is there already. */
export async function awaitLedger(path: AbsPath, onWait: () => void): Promise<boolean> {
  if (isFile(path)) return false;
  onWait();
  while (!isFile(path)) await Bun.sleep(lookMs);
  return true;
}

/**
 * As `withLedger`, for what makes no sense on an empty one.
 * @throws {AegisError} `ledger/not-found`
 */
export async function withExistingLedger<T>(
  around: Surroundings,
  path: AbsPath,
  use: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  if (isFile(path)) return withLedger(around, path, use);
  throw new AegisError("ledger/not-found", `Cannot open "${path}": nothing was recorded there`, {
    hint: "record something first, for instance with `aegis run -- CMD`",
  });
}

/**
 * Reads a ledger in PostgreSQL that is there; nothing is made in the database by looking at it.
 * @throws {AegisError} `ledger/not-found`
 */
export async function withPostgresLedger<T>(
  around: Surroundings,
  dsn: string,
  use: (ledger: Ledger, name: string) => Promise<T>,
): Promise<T> {
  const [{ openPostgresLedger }, { placeName }, { postgresPlace }] = await Promise.all([
    import("../../ledger/postgres/open.ts"),
    import("../../ledger/postgres/place.ts"),
    import("./postgres-dsn.ts"),
  ]);
  const place = postgresPlace(dsn, around.environment, around.directory);
  const { keys } = aegisPaths(around.environment);
  const ledger = await openPostgresLedger(place, keys, await seenThroughKeys(around));
  try {
    return await use(ledger, placeName(place));
  } finally {
    await ledger.close();
  }
}

async function emptyLedger(around: Surroundings, path: AbsPath): Promise<Ledger & AsyncDisposable> {
  const { keys } = aegisPaths(around.environment);
  const ledger = await openLedgerForReading({ database: path, keys });
  return { ...ledger, [Symbol.asyncDispose]: () => ledger.close() };
}

/** How many events the ledger in this place had when it was last written to. */
export function rememberedEvents(around: Surroundings, path: AbsPath): number {
  const { keys } = aegisPaths(around.environment);
  return outsideOf({ database: path, keys }, "").memory.latest()?.size ?? 0;
}
