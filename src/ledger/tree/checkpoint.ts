// Checkpoints: what a ledger signs about itself, in the C2SP tlog-checkpoint form, and how two of
// them relate. The text may come from anyone.

import { AegisError } from "../../base/errors.ts";
import { fromBase64 } from "../../base/hash.ts";
import type { Checkpoint } from "../contract.ts";
import { isNoteName, type VerifierKey, verifyNote } from "./note.ts";

/** The three signed lines. `root` is base64. */
export interface CheckpointText {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
}

export function formatCheckpoint({ origin, size, root }: CheckpointText): string {
  return `${origin}\n${size}\n${root}\n`;
}

/**
 * Extension lines are refused: ours has none, and an auditor could not check them.
 * @throws {AegisError} `ledger/tampered` when it is not a checkpoint
 */
export function parseCheckpoint(text: string): CheckpointText {
  const [origin = "", sizeText = "", root = "", end, ...rest] = text.split("\n");
  const size = /^(0|[1-9][0-9]{0,15})$/.test(sizeText) ? Number(sizeText) : Number.NaN;
  const isRoot = fromBase64(root)?.length === 32;
  if (!isNoteName(origin) || !Number.isSafeInteger(size) || !isRoot || end !== "" || rest.length) {
    throw new AegisError("ledger/tampered", "Cannot accept the checkpoint: it is not one");
  }
  return { origin, size, root };
}

/** Reads a signed note as a checkpoint; signatures are not looked at. */
export function readCheckpoint(note: string): Checkpoint {
  return { ...parseCheckpoint(note.slice(0, note.lastIndexOf("\n\n") + 1)), note };
}

/**
 * A checkpoint its own log signed; witnesses among the keys are checked too, but never enough.
 * @throws {AegisError} `ledger/tampered` when a signature is wrong or the log's is missing
 */
export async function verifyCheckpoint(
  note: string,
  keys: readonly VerifierKey[],
): Promise<Checkpoint> {
  const { text, signers } = await verifyNote(note, keys);
  const checkpoint = parseCheckpoint(text);
  if (!signers.some(({ name }) => name === checkpoint.origin)) {
    throw new AegisError(
      "ledger/tampered",
      `Cannot accept the checkpoint: "${checkpoint.origin}" did not sign it`,
    );
  }
  return { ...checkpoint, note };
}
