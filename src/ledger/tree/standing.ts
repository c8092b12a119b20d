// Whether one event stands in the tree whose head is stored, and that tree is the one that was
// signed and remembered. What takes reading all events is verify.ts' business.

import { AegisError } from "../../base/errors.ts";
import { equalBytes, fromBase64 } from "../../base/hash.ts";
import type { Store } from "../store.ts";
import { readCheckpoint, verifyCheckpoint } from "./checkpoint.ts";
import type { HeadMemory } from "./head-memory.ts";
import { type Hash, placesOfRange, rootOf, type TreeHead, verifyInclusion } from "./merkle.ts";
import { namesKey } from "./note.ts";
import { inclusionProof, rootAt } from "./proof.ts";
import type { KeySource } from "./signer.ts";
import { refuseContradiction } from "./signing.ts";

type TreeStore = Pick<Store, "origin" | "head" | "nodes" | "checkpoints">;

/** What whoever writes to the database cannot reach. */
export interface OutsideTree {
  readonly keys: KeySource;
  readonly memory: HeadMemory;
}

export interface StandingEvent {
  readonly index: number;
  readonly leaf: Hash;
}

/**
 * Why the event does not stand in the tree; undefined: it does.
 * @param outside undefined for a ledger that is gone with its process
 */
export async function standingProblem(
  store: TreeStore,
  { index, leaf }: StandingEvent,
  outside: OutsideTree | undefined,
): Promise<string | undefined> {
  // Both before the head: another process may add, sign and remember events at any moment.
  const remembered = outside?.memory.latest();
  const [checkpoint] = await store.checkpoints(1);
  const head = await store.head();
  if (!isHead(head)) return "the tree's head is none";
  const proof = await inclusionProof(store, index, head.size);
  const claim = { index, size: head.size, leaf, proof, root: rootOf(head) };
  if (!verifyInclusion(claim)) return "the last event is not in the tree of the ledger's head";
  try {
    refuseContradiction(store.origin, head, remembered, outside?.memory.place ?? "");
    if (checkpoint === undefined) return undefined;
    return await checkpointProblem(store, head, checkpoint, outside);
  } catch (error) {
    if (error instanceof AegisError && error.code === "ledger/tampered") return error.message;
    throw error;
  }
}

/** Anything may be stored there, also sizes that take for ever to count to. */
function isHead({ size, frontier }: TreeHead): boolean {
  if (!Number.isSafeInteger(size) || size < 0) return false;
  const isWhole = frontier.every(({ length }) => length === 32);
  return isWhole && placesOfRange(0, size).length === frontier.length;
}

async function checkpointProblem(
  store: TreeStore,
  head: TreeHead,
  { size, note }: { readonly size: number; readonly note: string },
  outside: OutsideTree | undefined,
): Promise<string | undefined> {
  const key = await outside?.keys.verifierKey();
  // What another server's key signed is held against the tree; whoever has that key can do more.
  const isOwn = key !== undefined && namesKey(note, key);
  const signed = isOwn ? await verifyCheckpoint(note, [key]) : readCheckpoint(note);
  const about = `the checkpoint over ${size} events`;
  if (signed.origin !== store.origin) return `${about} is of another ledger`;
  if (signed.size !== size) return `${about} speaks of ${signed.size} events`;
  if (size > head.size) return `${about} covers more than the ledger's head`;
  const root = fromBase64(signed.root);
  const isOurs = root !== undefined && equalBytes(await rootAt(store, size), root);
  return isOurs ? undefined : `${about} was signed over others`;
}
