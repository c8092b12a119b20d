// The file of the keys that clients' events are encrypted with, and the ledger it belongs to.

import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { readSecretFile } from "../../config/secret-file.ts";
import { type PayloadKeys, readPayloadKeys } from "../../ledger/encrypted/payload-keys.ts";
import { encryptedStore, openedSnapshot } from "../../ledger/encrypted/store.ts";
import { keysMissing, payloadsMarker } from "../../ledger/encrypted/text.ts";
import type { Snapshot, Store } from "../../ledger/store.ts";
import type { Surroundings } from "../surroundings.ts";

export const payloadKeysVariable = "AEGIS_PAYLOAD_KEYS";

/**
 * The store as clients' events are to be kept in it. Once they are encrypted, they are for good.
 * @param file as typed; undefined: what the environment says
 * @throws {AegisError} `config/invalid`, and `ledger/encrypted` without the keys that are needed
 */
export async function withPayloadKeys(
  store: Store,
  file: string | undefined,
  around: Surroundings,
): Promise<Store> {
  const named = file ?? (around.environment[payloadKeysVariable] || undefined);
  const { kind, key } = payloadsMarker;
  const marked = await store.record(kind, key);
  if (named === undefined) {
    if (marked === undefined) return store;
    throw keysMissing();
  }
  const keys = payloadKeysIn(resolvePath(around.directory, named));
  if (marked === undefined) await store.putRecord({ kind, key, json: "true" }, undefined);
  return encryptedStore(store, keys);
}

/** For a ledger that is mostly read; what its boxes add for a client is encrypted as well. */
export function readingStore(file: AbsPath): (store: Store) => Store {
  const keys = payloadKeysIn(file);
  return (store) => encryptedStore(store, keys);
}

/** The same of one moment, as a backup is verified. */
export function readingSnapshot(file: AbsPath): (snapshot: Snapshot) => Snapshot {
  const keys = payloadKeysIn(file);
  return (snapshot) => openedSnapshot(snapshot, keys);
}

/** @throws {AegisError} `config/invalid` */
function payloadKeysIn(path: AbsPath): PayloadKeys {
  let value: unknown;
  try {
    value = JSON.parse(readSecretFile(path, (why) => unusable(path, why)));
  } catch (cause) {
    if (cause instanceof AegisError) throw cause;
    // What the parser says would quote the file.
    throw unusable(path, "it is no JSON text");
  }
  const read = readPayloadKeys(value);
  if (read.ok) return read.value;
  throw unusable(path, read.error);
}

function unusable(path: AbsPath, why: string): AegisError {
  return new AegisError("config/invalid", `Cannot use the payload keys "${path}": ${why}`, {
    hint: 'it is yours with mode 600 and holds {"keys":[{"key":"BASE64"}]}: docs/encryption.md',
  });
}
