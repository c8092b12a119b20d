// Making a backup while others write: one moment of the ledger, verified from the events to the
// signed heads before it gets its name, and read back from the disk.

import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { uniqueSuffix } from "../../base/ids.ts";
import { headsPath, keyPath, type LedgerPlace } from "../open.ts";
import { unavailable } from "../sqlite/error.ts";
import { createHeadFile } from "../tree/head-memory.ts";
import { type VerifierKey, verifyNote } from "../tree/note.ts";
import { keyFile } from "../tree/signer.ts";
import { headOf, requireSound, verifyCopy } from "./check.ts";
import {
  type BackupFacts,
  backupFooter,
  backupText,
  hashOf,
  newFile,
  openBackup,
  partOf,
  writeWhole,
} from "./file.ts";

export interface BackupOptions {
  /** Not there yet. */
  readonly target: string;
  readonly withKey: boolean;
  readonly nowUnixMs: number;
}

export interface Backup {
  readonly facts: BackupFacts;
  /** What could not be checked, and why. */
  readonly warnings: readonly string[];
}

/**
 * Others may write to the ledger meanwhile; the backup has what was there at one moment.
 * @throws {AegisError} `ledger/tampered` when the ledger does not verify: then there is no backup
 */
export async function makeBackup(place: LedgerPlace, options: BackupOptions): Promise<Backup> {
  const { target, withKey, nowUnixMs: madeUnixMs } = options;
  // Read before the copy is made: it has everything that was remembered by then.
  const { heads } = createHeadFile(headsPath(place)).all();
  using file = newFile(`${target}.${uniqueSuffix()}`);
  copyDatabase(place.database, file.path);
  const { origin, size, root } = headOf(file.path);
  const signer = await keyFile(keyPath(place), origin).signer();
  const { verifierKey } = signer;
  const checked = { path: file.path, origin, heads, verifierKey };
  const report = await verifyCopy(checked);
  requireSound(report, `Cannot back up "${place.database}"`);
  const ledger = partOf(file.fd);
  const bytes = withKey ? new Uint8Array(readFileSync(keyPath(place))) : new Uint8Array();
  const key = { length: bytes.length, sha256: hashOf([bytes]) };
  const facts = { origin, size, root, madeUnixMs, ledger, key };
  const note = await signer.sign(backupText(facts));
  const end = new TextEncoder().encode(note + backupFooter(note));
  writeWhole(file.fd, bytes, ledger.length);
  writeWhole(file.fd, end, ledger.length + bytes.length);
  await readBack(file.path, verifierKey);
  file.publish(target);
  return { facts, warnings: report.warnings };
}

/** What stands on the disk is what was meant. */
async function readBack(path: string, verifierKey: VerifierKey): Promise<void> {
  const backup = openBackup(path);
  try {
    await verifyNote(backup.note, [verifierKey]);
    backup.key();
    backup.readLedger();
  } finally {
    backup.close();
  }
}

/** One read transaction on a connection of its own: nobody waits for it, nor it for anybody. */
function copyDatabase(from: string, to: string): void {
  let db: Database | undefined;
  try {
    db = new Database(from, { readonly: true });
    db.query<null, [string]>("VACUUM INTO ?").run(to);
  } catch (error) {
    throw unavailable("copy the ledger", from, error);
  } finally {
    db?.close();
  }
}
