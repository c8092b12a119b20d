// The tree against published answers and against a worked example that other tools have checked.

import { describe, expect, test } from "bun:test";
import { canonicalJson } from "../../../../src/base/canonical-json.ts";
import {
  appendLeaves,
  emptyTree,
  type Hash,
  leafHash,
  nodeHash,
  rootOf,
  type TreeHead,
  verifyConsistency,
  verifyInclusion,
} from "../../../../src/ledger/tree/merkle.ts";

const utf8 = new TextEncoder();

function treeOf(leaves: readonly Hash[]): TreeHead {
  return appendLeaves(emptyTree, leaves, () => undefined);
}

describe("hashing", () => {
  test("an empty tree has the hash of nothing as its root", () => {
    const root = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    expect(rootOf(emptyTree).toHex()).toBe(root);
  });

  test.each([
    ["", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
    ["L123456", "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"],
  ])("the leaf %p has its published hash", (data, hash) => {
    expect(leafHash(utf8.encode(data)).toHex()).toBe(hash);
  });

  test("a node has its published hash", () => {
    // Published with children of four bytes; ours always has 32, so it is spelled out here.
    const digest = new Bun.CryptoHasher("sha256").update("\u0001N123N456").digest("hex");
    expect(digest).toBe("aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb");
    const [left, right] = [new Uint8Array(32).fill(3), new Uint8Array(32).fill(4)];
    const spelled = new Bun.CryptoHasher("sha256")
      .update(new Uint8Array([1, ...left, ...right]))
      .digest("hex");
    expect(nodeHash(left, right).toHex()).toBe(spelled);
  });
});

/**
 * Five events whose tree, note and proofs were accepted by two implementations in other languages.
 */
const example = {
  leaves: [
    "7040b63dd66511de56e80babc98315b8bd12ca6b990c6fa8f66b42e421c33588",
    "bc1ed44ab2c0dc78058507ef180208e73fe62af9d3b01774fed8d3aefd536bd5",
    "3c9a5ff18430d8e1872dafb54ac41ac8e13de9fec9ec0488c3416d4934e6c10e",
    "188fbf716cab5deebc31b9d5aca92ae3f12cdfdecce9a5068ba57d7075ecf10e",
    "a1d92b958e0bf3376683038a2b00f2eefb53b711552d253172109a9ae0dc118b",
  ],
  root: "eb4820bed1cdd0f56882a33adb809e308e99c66a44c936922c38d4ac20c65c00",
  inclusionOf3: [
    "PJpf8YQw2OGHLa+1SsQayOE96f7J7ASIw0FtSTTmwQ4=",
    "BnTAXoAsdyqSlaGOaMq4Z64B+a+fd4AmId/WPThPBbI=",
    "odkrlY4L8zdmgwOKKwDy7vtTtxFVLSUxchCamuDcEYs=",
  ],
  consistency3to5: [
    "PJpf8YQw2OGHLa+1SsQayOE96f7J7ASIw0FtSTTmwQ4=",
    "GI+/cWyrXe68MbnVrKkq4/Es397M6aUGi6V9cHXs8Q4=",
    "BnTAXoAsdyqSlaGOaMq4Z64B+a+fd4AmId/WPThPBbI=",
    "odkrlY4L8zdmgwOKKwDy7vtTtxFVLSUxchCamuDcEYs=",
  ],
};

function exampleLeaves(): Hash[] {
  const leaves: Hash[] = [];
  for (let i = 0; i < 5; i++) {
    const event = {
      v: 1,
      session: "s-1",
      seq: i,
      type: i === 0 ? "session.start" : "fs.read",
      path: `/work/f${i}.txt`,
      decision: "allow",
      ts: `2026-01-01T00:00:0${i}.000Z`,
      prev: leaves.at(-1)?.toHex() ?? "0".repeat(64),
    };
    leaves.push(leafHash(utf8.encode(canonicalJson(event))));
  }
  return leaves;
}

describe("the worked example", () => {
  const leaves = exampleLeaves();
  const hashes = (texts: readonly string[]) => texts.map((text) => Uint8Array.fromBase64(text));

  test("has its leaves and its root", () => {
    expect(leaves.map((leaf) => leaf.toHex())).toEqual(example.leaves);
    expect(rootOf(treeOf(leaves)).toHex()).toBe(example.root);
  });

  const root = Uint8Array.fromHex(example.root);
  const claim = {
    index: 3,
    size: 5,
    leaf: Uint8Array.fromHex(example.leaves[3] ?? ""),
    proof: hashes(example.inclusionOf3),
    root,
  };

  test.each([
    ["as published", claim, true],
    ["with another index", { ...claim, index: 2 }, false],
    ["with a size of another depth", { ...claim, size: 9 }, false],
    ["with an index beyond the tree", { ...claim, index: 5 }, false],
    ["with a negative index", { ...claim, index: -1 }, false],
    ["with another leaf", { ...claim, leaf: root }, false],
    ["with another root", { ...claim, root: claim.leaf }, false],
    ["one hash short", { ...claim, proof: claim.proof.slice(1) }, false],
    ["one hash long", { ...claim, proof: [...claim.proof, root] }, false],
  ])("verifyInclusion() %s", (_, changed, answer) => {
    expect(verifyInclusion(changed)).toBe(answer);
  });

  const growth = {
    olderSize: 3,
    olderRoot: rootOf(treeOf(leaves.slice(0, 3))),
    newerSize: 5,
    newerRoot: root,
    proof: hashes(example.consistency3to5),
  };

  test.each([
    ["as published", growth, true],
    ["from an empty tree", { ...growth, olderSize: 0, proof: [] }, false],
    ["to a smaller tree", { ...growth, olderSize: 5, newerSize: 3 }, false],
    ["with another older root", { ...growth, olderRoot: root }, false],
    ["with another newer root", { ...growth, newerRoot: growth.olderRoot }, false],
    ["with another older size", { ...growth, olderSize: 4 }, false],
    ["one hash short", { ...growth, proof: growth.proof.slice(0, -1) }, false],
    ["one hash long", { ...growth, proof: [...growth.proof, root] }, false],
    ["without a proof", { ...growth, proof: [] }, false],
  ])("verifyConsistency() %s", (_, changed, answer) => {
    expect(verifyConsistency(changed)).toBe(answer);
  });
});
