// Proofs out of a stored tree: roots of past sizes, inclusion and consistency. merkle.ts says which
// nodes are needed, the store has them.

import type { Store } from "../store.ts";
import {
  consistencyRanges,
  foldRight,
  type Hash,
  inclusionRanges,
  type ProofRange,
  placesOfRange,
} from "./merkle.ts";

type NodeStore = Pick<Store, "nodes">;

/** Root of the tree when it had `size` leaves. */
export async function rootAt(store: NodeStore, size: number): Promise<Hash> {
  return rangeRoot(store, [0, size]);
}

/** Leaf to root. */
export async function inclusionProof(
  store: NodeStore,
  index: number,
  size: number,
): Promise<readonly Hash[]> {
  return Promise.all(inclusionRanges(index, size).map((range) => rangeRoot(store, range)));
}

/** Both sizes at least 1. */
export async function consistencyProof(
  store: NodeStore,
  older: number,
  newer: number,
): Promise<readonly Hash[]> {
  return Promise.all(consistencyRanges(older, newer).map((range) => rangeRoot(store, range)));
}

async function rangeRoot(store: NodeStore, [from, to]: ProofRange): Promise<Hash> {
  return foldRight(await store.nodes(placesOfRange(from, to)));
}
