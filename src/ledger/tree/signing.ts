// Signing the ledger's head, and refusing to: a ledger that lost events or changed its past gets no
// new signature, because that signature would make the loss look like the truth.

import { AegisError } from "../../base/errors.ts";
import { equalBytes, fromBase64 } from "../../base/hash.ts";
import type { Checkpoint } from "../contract.ts";
import type { Store } from "../store.ts";
import { formatCheckpoint, readCheckpoint, verifyCheckpoint } from "./checkpoint.ts";
import type { HeadMemory, RememberedHead } from "./head-memory.ts";
import { rootOf, type TreeHead } from "./merkle.ts";
import { namesKey, type VerifierKey } from "./note.ts";
import { rootAt } from "./proof.ts";
import type { KeySource } from "./signer.ts";

export interface SigningParts {
  readonly store: Store;
  readonly keys: KeySource;
  readonly memory: HeadMemory;
}

/**
 * Signs the tree as it is now, or returns the checkpoint that covers it.
 * @throws {AegisError} `ledger/tampered` when the tree contradicts what was signed or remembered
 */
export async function signHead(parts: SigningParts): Promise<Checkpoint> {
  const { head, last, remembered } = await checkHead(parts);
  if (last?.size === head.size) return keptInMind(parts, last, remembered);
  return signTree(parts, head);
}

/** One that could not be remembered when it was signed is when it is asked for again. */
async function keptInMind(
  { keys, memory }: SigningParts,
  last: Checkpoint,
  remembered: RememberedHead | undefined,
): Promise<Checkpoint> {
  const { origin, size, root } = last;
  if (remembered?.size === size && remembered.isSigned === true) return last;
  const own = await keys.verifierKey();
  if (own !== undefined && (await isSignedBy(own, last))) {
    memory.remember({ origin, size, root, isSigned: true }, true);
  }
  return last;
}

/**
 * As `signHead`, for a ledger that several machines may want to sign: only the key that did so
 * first ever does, because whoever verifies has one key.
 * @throws {AegisError} `ledger/conflict` when that is another key, else as `signHead`
 */
export async function signSharedHead(parts: SigningParts): Promise<Checkpoint> {
  const { head, last, remembered } = await checkHead(parts);
  if (last?.size === head.size) return keptInMind(parts, last, remembered);
  if (!(await isOwnToSign(parts, last))) {
    const { store, memory } = parts;
    if (memory.latest() === undefined) {
      // What is not signed here is remembered here all the same.
      const root = rootOf(head).toBase64();
      memory.remember({ origin: store.origin, size: head.size, root }, true);
    }
    throw new AegisError("ledger/conflict", "Cannot sign the ledger: another key signs it", {
      hint: "sign where that key is, or copy keys/ledger.key in AEGIS_HOME from there",
    });
  }
  return signTree(parts, head);
}

/**
 * Before anything is recorded that will be signed: a key that cannot be used, is gone or is another
 * one would only be noticed afterwards, and a new one would make every verification fail.
 * @throws {AegisError} `ledger/unavailable` or `ledger/conflict`
 */
export async function requireOwnKey({ store, keys }: SigningParts): Promise<void> {
  // Before the key: another process may make the key and sign at any moment.
  const [last] = await store.checkpoints(1);
  const isThere = (await keys.recordKey()) !== undefined;
  if (last === undefined) return;
  if (isThere && namesKey(last.note, (await keys.signer()).verifierKey)) return;
  const why = isThere
    ? "another key than keys/ledger.key has signed it so far"
    : "its key is gone, keys/ledger.key in AEGIS_HOME, which has signed it so far";
  throw new AegisError("ledger/conflict", `Cannot go on with the ledger: ${why}`, {
    hint: "put that key back, for instance from a backup; to start a new ledger knowingly, move the database and its file in keys/heads away",
  });
}

/** Who was first to sign; only until a checkpoint says so. */
export const firstKey = { kind: "checkpoint-key", key: "ledger" };

/**
 * Before a server adds anything: where another key signs the ledger, nothing that this one seals
 * would be taken by whoever has that key. Where none does, this one does from now on. No key is
 * made for a ledger that has one.
 * @throws {AegisError} `ledger/conflict`
 */
export async function requireOwnToServe(parts: SigningParts): Promise<void> {
  const { store, keys } = parts;
  const [last] = await store.checkpoints(1);
  const own = await keys.verifierKey();
  // By name alone: a signature that was changed is told of as that, when the next one is due.
  const isOwn =
    last === undefined ? await isOwnToSign(parts) : own !== undefined && namesKey(last.note, own);
  if (isOwn) return;
  const why = own === undefined ? "its key is not here" : "another key signs it";
  throw new AegisError("ledger/conflict", `Cannot serve the ledger "${store.origin}": ${why}`, {
    hint: "servers of one ledger share one key: copy keys/ledger.key and keys/approval.secret in AEGIS_HOME, mode 600, from where it is served",
  });
}

async function isOwnToSign({ store, keys }: SigningParts, last?: Checkpoint): Promise<boolean> {
  if (last !== undefined) {
    const own = await keys.verifierKey();
    return own !== undefined && (await isSignedBy(own, last));
  }
  const claim = async (): Promise<string | undefined> =>
    (await store.record(firstKey.kind, firstKey.key))?.json;
  const claimed = await claim();
  if (claimed !== undefined) return claimed === JSON.stringify(await keys.verifierKey());
  const json = JSON.stringify((await keys.signer()).verifierKey);
  return (await store.putRecord({ ...firstKey, json }, undefined)) || (await claim()) === json;
}

async function isSignedBy(key: VerifierKey, { note }: Checkpoint): Promise<boolean> {
  try {
    await verifyCheckpoint(note, [key]);
    return true;
  } catch (error) {
    if (error instanceof AegisError) return false;
    throw error;
  }
}

async function signTree(
  { store, keys, memory }: SigningParts,
  head: TreeHead,
): Promise<Checkpoint> {
  const root = rootOf(head).toBase64();
  const { origin } = store;
  const signer = await keys.signer();
  const note = await signer.sign(formatCheckpoint({ origin, size: head.size, root }));
  await store.addCheckpoint({ size: head.size, note });
  memory.remember({ origin, size: head.size, root, isSigned: true }, true);
  return { origin, size: head.size, root, note };
}

/**
 * The tree as it is now, the checkpoint signed last, and what is remembered, when none contradicts
 * another.
 * @throws {AegisError} `ledger/tampered`
 */
export async function checkHead({
  store,
  memory,
}: Pick<SigningParts, "store" | "memory">): Promise<{
  head: TreeHead;
  last: Checkpoint | undefined;
  remembered: RememberedHead | undefined;
}> {
  // Both before the head: another process may add, sign and remember events at any moment.
  const remembered = memory.latest();
  const last = await latestCheckpoint(store);
  const head = await store.head();
  refuseContradiction(store.origin, head, remembered, memory.place);
  if (last !== undefined) await refuseFork(store, head, last);
  return { head, last, remembered };
}

export async function latestCheckpoint(store: Store): Promise<Checkpoint | undefined> {
  const [last] = await store.checkpoints(1);
  return last === undefined ? undefined : readCheckpoint(last.note);
}

/** @throws {AegisError} `ledger/tampered` when the memory knows a larger or another tree */
export function refuseContradiction(
  origin: string,
  head: TreeHead,
  remembered: RememberedHead | undefined,
  place: string,
): void {
  if (remembered === undefined) return;
  const known = `"${place}" remembers ${remembered.size} events`;
  if (remembered.origin !== origin) {
    throw contradiction(`it is not the ledger that ${known}`, place);
  }
  if (remembered.size > head.size) {
    throw contradiction(`it has ${head.size} events, ${known}`, place);
  }
  if (remembered.size === head.size && remembered.root !== rootOf(head).toBase64()) {
    throw contradiction(`its ${head.size} events are others than those ${known} of`, place);
  }
}

async function refuseFork(store: Store, head: TreeHead, last: Checkpoint): Promise<void> {
  const signed = fromBase64(last.root);
  const isShorter = head.size < last.size;
  if (!isShorter && signed && equalBytes(await rootAt(store, last.size), signed)) return;
  const why = isShorter
    ? `it has ${head.size} events, ${last.size} were signed`
    : `its first ${last.size} events are not the ones that were signed`;
  throw contradiction(why, undefined);
}

function contradiction(why: string, place: string | undefined): AegisError {
  const check = "run `aegis audit verify`";
  const hint =
    place === undefined
      ? check
      : `${check}; to start a new ledger knowingly, move both the database and "${place}" away`;
  return new AegisError("ledger/tampered", `Cannot go on with the ledger: ${why}`, { hint });
}
