// Making a backup while others write: one moment of the ledger, verified from the events to the
// signed heads before it gets its name, and read back from the disk.

import { readFileSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import { writeWhole } from "../files.ts";
import { createHeadFile } from "../tree/head-memory.ts";
import { type VerifierKey, verifyNote } from "../tree/note.ts";
import { keyFile } from "../tree/signer.ts";
import { headOf, type ReadThrough, requireSound, verifyCopy } from "./check.ts";
import {
  type BackupFacts,
  backupFooter,
  backupText,
  hashOf,
  newFile,
  openBackup,
  partOf,
} from "./file.ts";

/** A ledger of which a backup can be made. */
export interface BackupSource {
  /** For messages; no password is part of it. */
  readonly name: string;
  readonly keyPath: string;
  readonly headsPath: string;
  /**
   * Makes the empty file at `path` a database with everything that is there at one moment, while
   * others go on writing.
   */
  copyTo(path: string): Promise<void>;
}

export interface BackupOptions {
  /** Not there yet. */
  readonly target: string;
  readonly withKey: boolean;
  readonly nowUnixMs: number;
  /** Absent: as it is; what is encrypted is verified by its place alone then. */
  readonly opened?: ReadThrough | undefined;
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
export async function makeBackup(source: BackupSource, options: BackupOptions): Promise<Backup> {
  const { target, withKey, nowUnixMs: madeUnixMs, opened = (whole) => whole } = options;
  // Read before the copy is made: it has everything that was remembered by then.
  const memoryPlace = source.headsPath;
  const memory = createHeadFile(memoryPlace);
  const { heads } = memory.all();
  using file = newFile(`${target}.${uniqueSuffix()}`);
  await source.copyTo(file.path);
  const { origin, size, root, isSigned } = headOf(file.path);
  const keys = keyFile(source.keyPath, origin);
  if (isSigned && (await keys.verifierKey()) === undefined) throw noKey(source);
  const signer = await keys.signer();
  const { verifierKey, recordKey } = signer;
  const areRecordsSealed = memory.areRecordsSealed(origin);
  const sealing = { recordKey, areRecordsSealed, restored: memory.restored(origin) };
  const checked = { path: file.path, origin, heads, memoryPlace, verifierKey, ...sealing, opened };
  const report = await verifyCopy(checked);
  requireSound(report, `Cannot back up "${source.name}"`);
  const ledger = partOf(file.fd);
  const bytes = withKey ? new Uint8Array(readFileSync(source.keyPath)) : new Uint8Array();
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

/** One that is made now would be another one than what the ledger was signed with. */
function noKey({ name, keyPath }: BackupSource): AegisError {
  const why = `the key it is signed with is not at "${keyPath}"`;
  return new AegisError("ledger/not-found", `Cannot back up "${name}": ${why}`, {
    hint: "copy it from where the ledger is signed, or set AEGIS_HOME to where it is",
  });
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
