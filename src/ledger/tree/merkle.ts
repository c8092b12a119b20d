// RFC 6962 / RFC 9162 Merkle tree over SHA-256: hashing, appending with a compact range, and which
// nodes make up a root or a proof. Pure; where nodes are kept is the store's business. Proofs that
// are checked here may come from anyone.

import { equalBytes, sha256 } from "../../base/hash.ts";

export type Hash = Uint8Array;

/** A complete subtree: `position` counts subtrees of 2^`level` leaves from the left. */
export interface NodePlace {
  readonly level: number;
  readonly position: number;
}

export interface TreeNode extends NodePlace {
  readonly hash: Hash;
}

/** The tree in as few hashes as possible: `frontier` has the complete subtrees, largest first. */
export interface TreeHead {
  readonly size: number;
  readonly frontier: readonly Hash[];
}

export const emptyTree: TreeHead = { size: 0, frontier: [] };

export function leafHash(data: Uint8Array): Hash {
  const input = new Uint8Array(data.length + 1);
  input.set(data, 1);
  return sha256(input);
}

/** Of the UTF-8 form of a text. */
export function textLeafHash(text: string): Hash {
  return sha256(`\0${text}`);
}

/** As `leafHash`, through one buffer: for whoever hashes thousands. Not re-entrant. */
export function createLeafHasher(sizeMaxBytes: number): (data: Uint8Array) => Hash {
  const input = new Uint8Array(sizeMaxBytes + 1);
  return (data) => {
    if (data.length > sizeMaxBytes) return leafHash(data);
    input.set(data, 1);
    return sha256(input.subarray(0, data.length + 1));
  };
}

export function nodeHash(left: Hash, right: Hash): Hash {
  const input = new Uint8Array(65);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 33);
  return sha256(input);
}

/** Adds leaves; `onNode` is told of every subtree that became complete, leaves apart. */
export function appendLeaves(
  head: TreeHead,
  leaves: readonly Hash[],
  onNode: (node: TreeNode) => void,
): TreeHead {
  const frontier = [...head.frontier];
  let size = head.size;
  for (const leaf of leaves) {
    let hash = leaf;
    let position = size;
    for (let level = 1; position % 2 === 1; level++) {
      const left = frontier.pop();
      if (left === undefined) throw new Error("broken invariant: frontier shorter than its size");
      hash = nodeHash(left, hash);
      position = (position - 1) / 2;
      onNode({ level, position, hash });
    }
    frontier.push(hash);
    size += 1;
  }
  return { size, frontier };
}

/** Root of the tree; of an empty one, the hash of nothing. */
export function rootOf(head: TreeHead): Hash {
  return foldRight(head.frontier);
}

/** The complete subtrees that cover leaves `from` to `to`, left to right: fold them to a root. */
export function placesOfRange(from: number, to: number): readonly NodePlace[] {
  const places: NodePlace[] = [];
  let start = from;
  while (start < to) {
    let level = 0;
    while (start % 2 ** (level + 1) === 0 && start + 2 ** (level + 1) <= to) level += 1;
    places.push({ level, position: start / 2 ** level });
    start += 2 ** level;
  }
  return places;
}

/** Root over the subtrees of `placesOfRange`. */
export function foldRight(hashes: readonly Hash[]): Hash {
  const last = hashes.at(-1);
  if (last === undefined) return sha256("");
  return hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/** Leaves `[from, to)` whose roots are the proof, in the order of the proof. */
export type ProofRange = readonly [from: number, to: number];

/** What proves that leaf `index` is in the tree of `size`. */
export function inclusionRanges(index: number, size: number): readonly ProofRange[] {
  const ranges: ProofRange[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + largestPowerBelow(to - from);
    if (index < middle) {
      ranges.push([middle, to]);
      to = middle;
    } else {
      ranges.push([from, middle]);
      from = middle;
    }
  }
  return ranges.reverse();
}

/** What proves that the tree of `older` leaves is the beginning of the tree of `newer` leaves. */
export function consistencyRanges(older: number, newer: number): readonly ProofRange[] {
  const ranges: ProofRange[] = [];
  let from = 0;
  let to = newer;
  while (to !== older) {
    const middle = from + largestPowerBelow(to - from);
    if (older <= middle) {
      ranges.push([middle, to]);
      to = middle;
    } else {
      ranges.push([from, middle]);
      from = middle;
    }
  }
  if (from !== 0) ranges.push([from, to]);
  return ranges.reverse();
}

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leaf: Hash;
  readonly proof: readonly Hash[];
  readonly root: Hash;
}

/** RFC 9162 §2.1.3.2. */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { index, size, proof } = claim;
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let position = index;
  let last = size - 1;
  let hash = claim.leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      hash = nodeHash(sibling, hash);
      while (position % 2 === 0 && position !== 0) [position, last] = [position / 2, half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && equalBytes(hash, claim.root);
}

export interface ConsistencyClaim {
  readonly olderSize: number;
  readonly olderRoot: Hash;
  readonly newerSize: number;
  readonly newerRoot: Hash;
  readonly proof: readonly Hash[];
}

/** RFC 9162 §2.1.4.2. An older tree without leaves proves nothing and is refused. */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { olderSize, newerSize } = claim;
  if (!isCount(olderSize) || !isCount(newerSize) || olderSize < 1 || olderSize > newerSize) {
    return false;
  }
  if (olderSize === newerSize) {
    return claim.proof.length === 0 && equalBytes(claim.olderRoot, claim.newerRoot);
  }
  const isWhole = isPowerOfTwo(olderSize);
  const path = isWhole ? [claim.olderRoot, ...claim.proof] : claim.proof;
  const [first, ...rest] = path;
  if (first === undefined || claim.proof.length === 0) return false;
  let position = olderSize - 1;
  let last = newerSize - 1;
  while (position % 2 === 1) [position, last] = [half(position), half(last)];
  let older = first;
  let newer = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      while (position % 2 === 0 && position !== 0) [position, last] = [position / 2, half(last)];
    } else {
      newer = nodeHash(newer, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && equalBytes(older, claim.olderRoot) && equalBytes(newer, claim.newerRoot);
}

/** Sizes go beyond 2^31, so shifts of 32-bit integers will not do. */
function half(count: number): number {
  return Math.floor(count / 2);
}

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function isPowerOfTwo(count: number): boolean {
  return largestPowerBelow(count) * 2 === count || count === 1;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
