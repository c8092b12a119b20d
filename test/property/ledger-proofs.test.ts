// Every inclusion and every consistency proof of every tree up to a size, against a tree written
// the way the standard defines it: recursively, over the whole list.

import { describe, expect, test } from "bun:test";
import { equalBytes, sha256 } from "../../src/base/hash.ts";
import { createMemoryStore } from "../../src/ledger/memory.ts";
import { openSqliteStore } from "../../src/ledger/sqlite/store.ts";
import { storedLevelMin } from "../../src/ledger/store.ts";
import {
  appendLeaves,
  emptyTree,
  foldRight,
  type Hash,
  leafHash,
  nodeHash,
  placesOfRange,
  rootOf,
  type TreeHead,
  type TreeNode,
  verifyConsistency,
  verifyInclusion,
} from "../../src/ledger/tree/merkle.ts";
import { consistencyProof, inclusionProof, rootAt } from "../../src/ledger/tree/proof.ts";
import { recordSession, sqliteLedger } from "../support/ledger.ts";
import { testMs } from "../support/patience.ts";
import { seededRandom } from "../support/random-json.ts";

const sizeMax = Number(process.env.AEGIS_PROOF_SIZES ?? 260);
const leaves = Array.from({ length: sizeMax }, (_, i) =>
  leafHash(new TextEncoder().encode(`${i}`)),
);

/** RFC 6962 §2.1, word for word. */
function definedRoot(data: readonly Hash[]): Hash {
  const [only] = data;
  if (only === undefined) return sha256("");
  if (data.length === 1) return only;
  let split = 1;
  while (split * 2 < data.length) split *= 2;
  return nodeHash(definedRoot(data.slice(0, split)), definedRoot(data.slice(split)));
}

/** A store of these leaves and nothing else. */
function storeOf(size: number) {
  const store = createMemoryStore("aegis.local/proofs");
  for (const [index, leaf] of leaves.slice(0, size).entries()) {
    store.rows.events.push({
      index,
      session: "" as never,
      seq: index,
      tsUnixMs: 0,
      type: "",
      decision: undefined,
      leaf,
      body: new Uint8Array(),
    });
  }
  return store;
}

const roots = rootsOfEverySize();

function rootsOfEverySize(): readonly Hash[] {
  const found: Hash[] = [sha256("")];
  let growing: TreeHead = emptyTree;
  for (const leaf of leaves) {
    growing = appendLeaves(growing, [leaf], () => undefined);
    found.push(rootOf(growing));
  }
  return found;
}

function rootOfSize(size: number): Hash {
  const root = roots[size];
  if (root === undefined) throw new Error(`no tree of ${size}`);
  return root;
}

test("a tree that grows leaf by leaf has the defined root at every size", () => {
  for (let size = 0; size <= sizeMax; size++) {
    expect(rootOfSize(size).toHex()).toBe(definedRoot(leaves.slice(0, size)).toHex());
  }
});

test("a tree that grows in steps has the same root and tells every complete subtree once", () => {
  const random = seededRandom(7);
  for (let round = 0; round < 50; round++) {
    const nodes: TreeNode[] = [];
    let head = emptyTree;
    for (let at = 0; at < sizeMax; ) {
      const step = Math.floor(random() * 20);
      head = appendLeaves(head, leaves.slice(at, at + step), (node) => nodes.push(node));
      at += step;
      const size = Math.min(at, sizeMax);
      expect(equalBytes(rootOf(head), rootOfSize(size))).toBe(true);
    }
    for (const { level, position, hash } of nodes) {
      const data = leaves.slice(position * 2 ** level, (position + 1) * 2 ** level);
      expect(data).toHaveLength(2 ** level);
      expect(equalBytes(hash, definedRoot(data))).toBe(true);
    }
    const keys = new Set(nodes.map(({ level, position }) => `${level}/${position}`));
    expect(keys.size).toBe(nodes.length);
  }
});

test(
  "every inclusion proof holds for its leaf and for no other",
  async () => {
    const store = storeOf(sizeMax);
    let proofs = 0;
    for (let size = 1; size <= sizeMax; size++) {
      const root = rootOfSize(size);
      for (let index = 0; index < size; index++) {
        const proof = await inclusionProof(store, index, size);
        const leaf = leaves[index] ?? root;
        const other = leaves[(index + 1) % size] ?? root;
        const holds = verifyInclusion({ index, size, leaf, proof, root });
        const lies = size > 1 && verifyInclusion({ index, size, leaf: other, proof, root });
        if (!holds || lies) throw new Error(`inclusion of ${index} in ${size}`);
        proofs += 1;
      }
    }
    console.log(`ledger proofs: ${proofs} inclusion proofs`);
  },
  testMs,
);

test(
  "every consistency proof holds for its two trees and for no other",
  async () => {
    const store = storeOf(sizeMax);
    let proofs = 0;
    for (let newerSize = 1; newerSize <= sizeMax; newerSize++) {
      const newerRoot = rootOfSize(newerSize);
      for (let olderSize = 1; olderSize <= newerSize; olderSize++) {
        const proof = await consistencyProof(store, olderSize, newerSize);
        const olderRoot = rootOfSize(olderSize);
        const claim = { olderSize, olderRoot, newerSize, newerRoot, proof };
        const holds = verifyConsistency(claim);
        const lies = verifyConsistency({ ...claim, olderRoot: rootOfSize(olderSize - 1) });
        if (!holds || lies) throw new Error(`consistency of ${olderSize} and ${newerSize}`);
        proofs += 1;
      }
    }
    console.log(`ledger proofs: ${proofs} consistency proofs`);
  },
  testMs,
);

test("a range is covered by its largest complete subtrees", () => {
  for (let to = 1; to <= 70; to++) {
    const covered = placesOfRange(0, to);
    const hashes = covered.map(({ level, position }) =>
      definedRoot(leaves.slice(position * 2 ** level, (position + 1) * 2 ** level)),
    );
    expect(equalBytes(foldRight(hashes), definedRoot(leaves.slice(0, to)))).toBe(true);
    expect(covered.length).toBe(to.toString(2).replaceAll("0", "").length);
  }
});

describe("a stored tree", () => {
  test("has the root of each of its pasts, from stored nodes and from leaves", async () => {
    const { ledger, store, path } = sqliteLedger();
    await recordSession(ledger, 1500);
    await recordSession(ledger, 700);
    await ledger.close();
    const again = openSqliteStore(path);
    const events = await again.eventsFrom(0, 5000);
    const all = events.map(({ leaf }) => leaf);
    for (const size of [0, 1, 2, 255, 256, 257, 511, 512, 1024, 1500, 2047, 2048, all.length]) {
      const root = await rootAt(again, size);
      expect(root.toHex()).toBe(definedRoot(all.slice(0, size)).toHex());
    }
    const high = (await again.snapshot()).nodes().filter(({ level }) => level >= storedLevelMin);
    expect(high.length).toBe(8 + 4 + 2 + 1);
    expect(store.origin).toBe(again.origin);
    await again.close();
  });
});
