// What the ledger can show to somebody else: that one event is in a signed tree, and how two signed
// heads relate.

import { AegisError } from "../../base/errors.ts";
import type { Checkpoint, CheckpointComparison, EventProof } from "../contract.ts";
import type { Store } from "../store.ts";
import { verifyCheckpoint } from "./checkpoint.ts";
import type { HeadMemory } from "./head-memory.ts";
import { consistencyProof, inclusionProof, rootAt } from "./proof.ts";
import { formatReceipt } from "./receipt.ts";
import type { KeySource } from "./signer.ts";
import { latestCheckpoint, signSharedHead } from "./signing.ts";

interface Parts {
  readonly store: Store;
  readonly keys: KeySource;
  readonly memory: HeadMemory;
}

/** @throws {AegisError} `ledger/not-found` when there is no event at `index` */
export async function proveEvent(parts: Parts, index: number): Promise<EventProof> {
  const { store } = parts;
  const [event] = await store.eventsFrom(index, 1);
  if (event?.index !== index) {
    const { size } = await store.head();
    if (Number.isSafeInteger(index) && index >= 0 && index < size) {
      throw new AegisError("ledger/purged", `Cannot prove event ${index}: it was purged`);
    }
    const message = `Cannot prove event ${index}: the ledger has events 0 to ${size - 1}`;
    throw new AegisError("ledger/not-found", message);
  }
  const last = await latestCheckpoint(store);
  const checkpoint = last !== undefined && last.size > index ? last : await signSharedHead(parts);
  const hashes = await inclusionProof(store, index, checkpoint.size);
  return {
    index,
    body: new TextDecoder().decode(event.storedBody ?? event.body),
    checkpoint,
    hashes: hashes.map((hash) => hash.toBase64()),
    receipt: formatReceipt({ index, hashes, note: checkpoint.note }),
  };
}

/** @throws {AegisError} `ledger/tampered` when a note is not signed by this ledger */
export async function compareCheckpoints(
  { store, keys }: Parts,
  a: string,
  b: string,
): Promise<CheckpointComparison> {
  const { verifierKey } = await keys.signer();
  const [first, second] = [
    await verifyCheckpoint(a, [verifierKey]),
    await verifyCheckpoint(b, [verifierKey]),
  ];
  const [older, newer] = first.size <= second.size ? [first, second] : [second, first];
  if (older.size === newer.size) {
    const relation = older.root === newer.root ? "same" : "forked";
    return { relation, older, newer, proof: [] };
  }
  const { size } = await store.head();
  if (newer.size > size) return { relation: "unknown", older, newer, proof: [] };
  return relate(store, older, newer);
}

async function relate(
  store: Store,
  older: Checkpoint,
  newer: Checkpoint,
): Promise<CheckpointComparison> {
  const isOlderOurs = await isOurs(store, older);
  const isNewerOurs = await isOurs(store, newer);
  if (isOlderOurs !== isNewerOurs) return { relation: "forked", older, newer, proof: [] };
  // The ledger itself is neither of them: what it could prove would be about something else.
  if (!isOlderOurs) return { relation: "unknown", older, newer, proof: [] };
  const proof = older.size === 0 ? [] : await consistencyProof(store, older.size, newer.size);
  return { relation: "extends", older, newer, proof: proof.map((hash) => hash.toBase64()) };
}

async function isOurs(store: Store, { size, root }: Checkpoint): Promise<boolean> {
  return (await rootAt(store, size)).toBase64() === root;
}
