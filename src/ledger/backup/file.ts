// The file of a backup: the ledger's database, the signing key where it was asked for, and at the
// end a signed note with the length and hash of both. Files come from anywhere; nothing in one is
// used before its hash was compared.

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  unlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import { AegisError } from "../../base/errors.ts";
import { isErrno, readAt, syncDirectory, writeWhole } from "../files.ts";
import { parseNote } from "../tree/note.ts";

/** What a backup says about itself; all of it is signed. */
export interface BackupFacts {
  readonly origin: string;
  /** Events. */
  readonly size: number;
  /** Of the tree over them, base64. */
  readonly root: string;
  readonly madeUnixMs: number;
  readonly ledger: Part;
  /** Of length 0 where the key is kept elsewhere. */
  readonly key: Part;
}

interface Part {
  readonly length: number;
  /** SHA-256, hex. */
  readonly sha256: string;
}

export interface OpenBackup {
  readonly facts: BackupFacts;
  /** The signed note; whether its signature is right is for the caller to find out. */
  readonly note: string;
  /** @throws {AegisError} `ledger/tampered` where its hash is another one */
  key(): Uint8Array<ArrayBuffer>;
  /**
   * Reads the database whole, and writes it to `target`.
   * @throws {AegisError} `ledger/tampered` where its hash is another one
   */
  readLedger(target?: number): void;
  close(): void;
}

const heading = "aegis backup 1";
/** The last bytes: a word and the length of the note before them. */
const footerSize = 32;
const noteSizeMax = 64 * 1024;
const keySizeMax = 4096;
const pieceSize = 1 << 20;

export function backupText(facts: BackupFacts): string {
  const { origin, size, root, madeUnixMs, ledger, key } = facts;
  const parts = [ledger, key].map(({ length, sha256 }) => `${length} ${sha256}\n`);
  return `${heading}\n${origin}\n${size}\n${root}\n${madeUnixMs}\n${parts.join("")}`;
}

export function backupFooter(note: string): string {
  return `AEGIS-BACKUP-1 ${String(Buffer.byteLength(note)).padStart(16, "0")}\n`;
}

/** @throws {AegisError} `ledger/tampered` naming what is wrong with it */
export function openBackup(path: string): OpenBackup {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const { note, facts } = readEnd(fd, path);
    const { ledger, key } = facts;
    return {
      facts,
      note,
      key() {
        const bytes = readAt(fd, ledger.length, key.length);
        if (hashOf([bytes]) === key.sha256) return bytes;
        throw damaged(path, "the key in it is not the one that was backed up");
      },
      readLedger(target) {
        const read = pieces(fd, ledger.length);
        const hash = hashOf(target === undefined ? read : copied(read, target));
        if (hash === ledger.sha256) return;
        throw damaged(path, `the ledger in it hashes to ${hash} instead of ${ledger.sha256}`);
      },
      close: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function readEnd(fd: number, path: string): Pick<OpenBackup, "note" | "facts"> {
  const { size } = fstatSync(fd);
  const footer = textAt(fd, Math.max(0, size - footerSize), footerSize);
  const length = Number(/^AEGIS-BACKUP-1 (\d{16})\n$/.exec(footer)?.[1] ?? Number.NaN);
  if (!(length <= noteSizeMax)) throw damaged(path, "its end is missing, or it is no backup");
  const start = size - footerSize - length;
  const note = start < 0 ? "" : textAt(fd, start, length);
  const facts = factsOf(note);
  if (facts === undefined) throw damaged(path, "what it says about itself is damaged");
  if (facts.ledger.length + facts.key.length !== start || facts.key.length > keySizeMax) {
    throw damaged(path, "its length is not the one that was written");
  }
  return { note, facts };
}

function factsOf(note: string): BackupFacts | undefined {
  let text: string;
  try {
    text = parseNote(note).text;
  } catch (error) {
    if (error instanceof AegisError) return undefined;
    throw error;
  }
  const [head, origin = "", size = "", root = "", made = "", ledger, key, end] = text.split("\n");
  const parts = [ledger, key].map((line) => /^(\d{1,15}) ([0-9a-f]{64})$/.exec(line ?? ""));
  const [first, second] = parts.map((part) => ({
    length: Number(part?.[1]),
    sha256: part?.[2] ?? "",
  }));
  if (first === undefined || second === undefined) return undefined;
  const facts = { origin, size: Number(size), root, madeUnixMs: Number(made) };
  const whole = { ...facts, ledger: first, key: second };
  // Written again it has to be the same text, so there is no second spelling of anything.
  return head === heading && end === "" && backupText(whole) === text ? whole : undefined;
}

/** The length and hash of what `fd` holds. */
export function partOf(fd: number): Part {
  const { size } = fstatSync(fd);
  return { length: size, sha256: hashOf(pieces(fd, size)) };
}

export function hashOf(parts: Iterable<Uint8Array>): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const part of parts) hasher.update(part);
  return hasher.digest("hex");
}

function* copied(parts: Iterable<Uint8Array>, to: number): Iterable<Uint8Array> {
  for (const part of parts) {
    writeWhole(to, part);
    yield part;
  }
}

function* pieces(fd: number, length: number): Iterable<Uint8Array> {
  for (let at = 0; at < length; at += pieceSize) {
    yield readAt(fd, at, Math.min(pieceSize, length - at));
  }
}

function textAt(fd: number, at: number, length: number): string {
  return new TextDecoder().decode(readAt(fd, at, length));
}

/** A new file for its owner only, gone again unless `publish` gave it its name. */
export interface NewFile extends Disposable {
  readonly fd: number;
  readonly path: string;
  /**
   * Durable under that name, which nothing has so far.
   * @throws {AegisError} `config/exists`
   */
  publish(path: string): void;
}

/** @param path not there yet, in the folder the file is meant for */
export function newFile(path: string): NewFile {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  return {
    fd,
    path,
    publish(name) {
      fsyncSync(fd);
      try {
        linkSync(path, name);
      } catch (error) {
        if (!isErrno(error, "EEXIST")) throw error;
        throw new AegisError("config/exists", `Cannot write "${name}": it exists`, {
          hint: "remove it, or choose another name",
        });
      }
      syncDirectory(dirname(name));
    },
    [Symbol.dispose]() {
      closeSync(fd);
      unlinkSync(path);
      syncDirectory(dirname(path));
    },
  };
}

export function damaged(path: string, why: string): AegisError {
  return new AegisError("ledger/tampered", `Cannot accept the backup "${path}": ${why}`, {
    hint: "use another copy of it",
  });
}
