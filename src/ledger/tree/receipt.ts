// Receipts: one event's place in the ledger, provable without the ledger. Written in the C2SP
// tlog-proof form, so that other tools can check them. Receipts may come from anyone.

import { AegisError } from "../../base/errors.ts";
import { fromBase64 } from "../../base/hash.ts";
import { verifyCheckpoint } from "./checkpoint.ts";
import { type Hash, leafHash, verifyInclusion } from "./merkle.ts";
import type { VerifierKey } from "./note.ts";

export interface InclusionProof {
  readonly index: number;
  /** Leaf to root. */
  readonly hashes: readonly Hash[];
  /** The signed checkpoint the proof leads to. */
  readonly note: string;
}

const firstLine = "c2sp.org/tlog-proof@v1";
/** A tree of 2^63 leaves needs 63. */
const hashesMax = 63;

/** The text of a `.tlog-proof` file. */
export function formatReceipt({ index, hashes, note }: InclusionProof): string {
  const lines = [firstLine, `index ${index}`, ...hashes.map((hash) => hash.toBase64())];
  return `${lines.join("\n")}\n\n${note}`;
}

/** @throws {AegisError} `ledger/tampered` when the text is not a receipt; nothing is proven yet */
export function parseReceipt(text: string): InclusionProof {
  const cut = text.indexOf("\n\n");
  const [first, ...lines] = text.slice(0, cut).split("\n");
  // Unauthenticated by definition, so nobody may come to rely on it.
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const indexText = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? "")?.[1];
  const hashes = lines.map((line) => fromBase64(line));
  const isWhole = cut > 0 && first === firstLine && indexText !== undefined;
  if (!isWhole || hashes.length > hashesMax) throw malformed("it is not a tlog-proof");
  return { index: Number(indexText), hashes: hashes.map(requireHash), note: text.slice(cut + 2) };
}

/**
 * True when the event's canonical bytes are at the receipt's index of the signed tree.
 * @throws {AegisError} `ledger/tampered` when the receipt or its signature is not valid
 */
export async function verifyReceipt(
  receipt: string,
  eventBytes: Uint8Array,
  keys: readonly VerifierKey[],
): Promise<boolean> {
  const { index, hashes, note } = parseReceipt(receipt);
  const { size, root } = await verifyCheckpoint(note, keys);
  const rootHash = requireHash(fromBase64(root));
  return verifyInclusion({
    index,
    size,
    leaf: leafHash(eventBytes),
    proof: hashes,
    root: rootHash,
  });
}

function requireHash(hash: Hash | undefined): Hash {
  if (hash?.length !== 32) throw malformed("a line is not a hash");
  return hash;
}

function malformed(why: string): AegisError {
  return new AegisError("ledger/tampered", `Cannot accept the receipt: ${why}`);
}
