// What a backup is held against before and after it was a file: its own events, the signing key and
// the heads that are remembered outside of it. The copy may have been edited by anyone.

import { Database } from "bun:sqlite";
import { AegisError } from "../../base/errors.ts";
import type { VerifyReport } from "../contract.ts";
import { unavailable } from "../sqlite/error.ts";
import { recognise } from "../sqlite/schema.ts";
import { openSnapshot } from "../sqlite/snapshot.ts";
import type { Snapshot } from "../store.ts";
import type { RememberedHead, RestoredHead } from "../tree/head-memory.ts";
import { rootOf } from "../tree/merkle.ts";
import type { VerifierKey } from "../tree/note.ts";
import { verifySnapshot } from "../verify/verify.ts";

export interface CopyHead extends RememberedHead {
  /** It has checkpoints, so there is a key they are signed with. */
  readonly isSigned: boolean;
}

/** What the copy says of itself. @throws {AegisError} `ledger/unavailable` */
export function headOf(path: string): CopyHead {
  let db: Database | undefined;
  try {
    db = new Database(path, { readonly: true });
    recognise(db, path);
    const row = db.query<{ origin: unknown }, []>("SELECT origin FROM head").get();
    const origin = typeof row?.origin === "string" ? row.origin : "";
    const snapshot = openSnapshot(path, origin);
    const head = snapshot.head();
    const isSigned = snapshot.checkpoints().length > 0;
    snapshot.close();
    return { origin, size: head.size, root: rootOf(head).toBase64(), isSigned };
  } catch (error) {
    throw unavailable("read the copy", path, error);
  } finally {
    db?.close();
  }
}

interface Copy {
  readonly path: string;
  readonly origin: string;
  readonly heads: readonly RememberedHead[];
  /** Where the heads are kept, for messages. */
  readonly memoryPlace: string;
  readonly verifierKey: VerifierKey | undefined;
  readonly recordKey: Uint8Array | undefined;
  readonly areRecordsSealed: boolean;
  readonly restored: RestoredHead | undefined;
  readonly opened: ReadThrough;
}

/** How a snapshot is read: through the keys of what is encrypted in it, or as it is. */
export type ReadThrough = (snapshot: Snapshot) => Snapshot;

export async function verifyCopy({
  path,
  origin,
  heads,
  memoryPlace,
  verifierKey,
  opened,
  ...sealing
}: Copy): Promise<VerifyReport> {
  const snapshot = openSnapshot(path, origin);
  try {
    const remembered = { heads, unreadable: 0 };
    const outside = { remembered, memoryPlace, verifierKey, ...sealing };
    return await verifySnapshot(opened(snapshot), outside);
  } finally {
    snapshot.close();
  }
}

export function requireSound({ findings }: VerifyReport, action: string): void {
  const [first] = findings;
  if (first === undefined) return;
  const more = findings.length === 1 ? "" : `, and ${findings.length - 1} more findings`;
  throw new AegisError("ledger/tampered", `${action}: ${first.message}${more}`, {
    hint: "run `aegis audit verify` on the ledger it was made from",
  });
}
