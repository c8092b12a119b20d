// Restoring a backup where no ledger is: only after its hashes, its signature, its events and every
// published head were looked at, and never in the place of a file.

import { renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { AegisError } from "../../base/errors.ts";
import { uniqueSuffix } from "../../base/ids.ts";
import type { FindingKind, VerifyReport } from "../contract.ts";
import { isErrno, makePrivateDirectory, writeWhole } from "../files.ts";
import type { Snapshot } from "../store.ts";
import { verifyCheckpoint } from "../tree/checkpoint.ts";
import { createHeadFile, type RememberedHead, sealedRecordsFile } from "../tree/head-memory.ts";
import { type VerifierKey, verifyNote } from "../tree/note.ts";
import { keyFile, signerOfText } from "../tree/signer.ts";
import { verifySnapshot } from "../verify/verify.ts";
import type { Backup } from "./backup.ts";
import { headOf, type ReadThrough, requireSound, verifyCopy } from "./check.ts";
import { type BackupFacts, damaged, type NewFile, newFile, openBackup } from "./file.ts";

export interface RestoreOptions {
  readonly backup: string;
  /** A published checkpoint, a signed note, which the restored ledger has to reach. */
  readonly checkpoint: string | undefined;
  readonly nowUnixMs: number;
  /** Also one that has fewer events than were once there. */
  readonly acceptOlder: boolean;
  /** Also where the signing key is neither here nor in the backup. */
  readonly withoutKey: boolean;
  /** Absent: as it is; what is encrypted is verified by its place alone then. */
  readonly opened?: ReadThrough | undefined;
}

export interface Restored extends Backup {
  /** The signing key came out of the backup. */
  readonly isKeyRestored: boolean;
  /** A key, restored or here, checked the signatures. */
  readonly isProven: boolean;
  /** Events that were once there and are not in the backup. */
  readonly missing: number;
  /** Where the memory of those is now. */
  readonly olderMemory: string | undefined;
}

/** A place that a ledger can be restored to. */
export interface RestoreTarget {
  /** For messages; no password is part of it. */
  readonly name: string;
  readonly keyPath: string;
  readonly headsPath: string;
  /** The backup's database is unpacked beside it, in a folder that `requireAbsent` leaves there. */
  readonly staging: string;
  /** @throws {AegisError} `config/exists` where anything is */
  requireAbsent(): Promise<void>;
  /** Gives the ledger in `file` its place: durably, and all of it or nothing. */
  install(file: NewFile, steps: InstallSteps): Promise<void>;
}

interface InstallSteps {
  readonly origin: string;
  /** Of what was written anew, where `file` itself does not become the ledger. */
  readonly verify: (written: Snapshot) => Promise<void>;
  /** Right before nothing can be taken back any more. */
  readonly lastly: () => void;
}

/** @throws {AegisError} and then nothing was restored */
export async function restoreBackup(
  target: RestoreTarget,
  options: RestoreOptions,
): Promise<Restored> {
  await target.requireAbsent();
  const backup = openBackup(options.backup);
  try {
    const { facts } = backup;
    const { origin } = facts;
    const key = await keyFor(target, options, backup);
    const { verifierKey, recordKey } = key;
    // A backup may be older than the seals of records; whether it is whole its signature says.
    const sealing = { recordKey, areRecordsSealed: false, restored: undefined };
    if (verifierKey !== undefined) await requireSigned(options, backup.note, verifierKey);
    using file = copyBeside(target.staging, (fd) => backup.readLedger(fd));
    const memory = createHeadFile(target.headsPath);
    const heads = [...memory.all().heads, ...(await published(options, verifierKey))];
    requireSame(options.backup, facts, headOf(file.path));
    const { checkpoint, opened = (whole: Snapshot) => whole } = options;
    const memoryPlace =
      checkpoint === undefined ? memory.place : `${memory.place}" or "--checkpoint`;
    const copy = { path: file.path, origin, heads, memoryPlace, verifierKey, ...sealing, opened };
    const report = await verifyCopy(copy);
    const missing = missingOf(report, facts, heads, options);
    let olderMemory: string | undefined;
    await target.install(file, {
      origin,
      async verify(written) {
        const remembered = { heads: [], unreadable: 0 };
        const outside = { remembered, memoryPlace: "", verifierKey, ...sealing };
        const again = await verifySnapshot(opened(written), outside);
        requireSound(again, `Cannot restore to "${target.name}"`);
      },
      lastly() {
        memory.rememberRestored({ origin, size: facts.size, unixMs: options.nowUnixMs });
        rmSync(sealedRecordsFile(memory.place), { force: true });
        const isOlder = report.findings.some(({ kind }) => olderKinds.has(kind));
        if (isOlder) olderMemory = moveMemory(memory.place, facts.madeUnixMs);
        key.install();
      },
    });
    memory.remember({ origin, size: facts.size, root: facts.root }, true);
    const { warnings } = report;
    const isProven = verifierKey !== undefined;
    return { facts, warnings, missing, olderMemory, isKeyRestored: key.isNew, isProven };
  } finally {
    backup.close();
  }
}

function copyBeside(path: string, copy: (fd: number) => void): NewFile {
  const file = newFile(`${path}.${uniqueSuffix()}`);
  try {
    copy(file.fd);
    return file;
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

interface ChosenKey {
  readonly verifierKey: VerifierKey | undefined;
  readonly recordKey: Uint8Array | undefined;
  readonly isNew: boolean;
  readonly install: () => void;
}

async function keyFor(
  { keyPath }: RestoreTarget,
  { backup: path, withoutKey }: RestoreOptions,
  { facts, key }: ReturnType<typeof openBackup>,
): Promise<ChosenKey> {
  const keys = keyFile(keyPath, facts.origin);
  const here = await keys.verifierKey();
  const bytes = key();
  const inside =
    bytes.length === 0
      ? undefined
      : await signerOfText(new TextDecoder().decode(bytes), facts.origin).catch(() => {
          throw damaged(path, "the key in it is none");
        });
  if (here !== undefined && inside !== undefined && here !== inside.verifierKey) {
    const why = `"${keyPath}" is another key than the one in the backup`;
    throw new AegisError("config/exists", `Cannot restore the backup "${path}": ${why}`, {
      hint: "restore it with AEGIS_HOME set to another folder",
    });
  }
  const install = () => writeKey(keyPath, bytes);
  const old = { isNew: false, install: () => undefined };
  const recordKey = await keys.recordKey();
  if (here !== undefined) return { verifierKey: here, recordKey, ...old };
  if (inside !== undefined) return { ...inside, isNew: true, install };
  if (withoutKey) return { verifierKey: undefined, recordKey: undefined, ...old };
  const why = "the signing key is neither here nor in it, so nothing proves what it holds";
  throw new AegisError("ledger/not-found", `Cannot restore the backup "${path}": ${why}`, {
    hint: `copy the key to "${keyPath}" first, or give --without-key`,
  });
}

function writeKey(path: string, bytes: Uint8Array): void {
  makePrivateDirectory(dirname(path));
  using file = newFile(`${path}.${uniqueSuffix()}`);
  writeWhole(file.fd, bytes);
  file.publish(path);
}

async function requireSigned(
  { backup }: RestoreOptions,
  note: string,
  key: VerifierKey,
): Promise<void> {
  await verifyNote(note, [key]).catch((error: unknown) => {
    if (!(error instanceof AegisError)) throw error;
    throw damaged(backup, "what it says about itself was not signed with the ledger's key");
  });
}

async function published(
  { checkpoint }: RestoreOptions,
  key: VerifierKey | undefined,
): Promise<readonly RememberedHead[]> {
  if (checkpoint === undefined) return [];
  if (key !== undefined) return [await verifyCheckpoint(checkpoint, [key])];
  throw new AegisError("usage", "Cannot compare with the checkpoint: the signing key is not here");
}

function requireSame(path: string, facts: BackupFacts, found: RememberedHead): void {
  const isSame =
    facts.origin === found.origin && facts.size === found.size && facts.root === found.root;
  if (!isSame) throw damaged(path, "the ledger in it is not the one it speaks of");
}

/** What a backup lacks because the ledger went on, or was signed, after it was made. */
const olderKinds: ReadonlySet<FindingKind> = new Set(["rolled-back", "checkpoint-missing"]);

/** Events that a remembered head counts and that are not there, once no more is wrong. */
function missingOf(
  report: VerifyReport,
  { size }: BackupFacts,
  heads: readonly RememberedHead[],
  { backup, acceptOlder }: RestoreOptions,
): number {
  const others = report.findings.filter(({ kind }) => !olderKinds.has(kind));
  requireSound({ ...report, findings: others }, `Cannot accept the backup "${backup}"`);
  const largest = heads.reduce((most, head) => Math.max(most, head.size), 0);
  if (largest <= size || acceptOlder) return Math.max(0, largest - size);
  const why = `it has ${size} events, and the ledger had ${largest} after it was made`;
  throw new AegisError("ledger/conflict", `Cannot restore the backup "${backup}": ${why}`, {
    hint: `restore a newer one, or give up the ${largest - size} events with --accept-older`,
  });
}

/** The ledger that goes on from here is another one than the memory speaks of. */
function moveMemory(path: string, madeUnixMs: number): string | undefined {
  const moved = `${path}.before-${madeUnixMs}-${uniqueSuffix()}`;
  try {
    renameSync(path, moved);
    return moved;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
