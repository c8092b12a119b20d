// The ledger's signing key: an Ed25519 seed in one private file, made on first use. WebCrypto does
// the signing, because node:crypto costs eight times as much start-up time.

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  unlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import { AegisError } from "../../base/errors.ts";
import { fromBase64 } from "../../base/hash.ts";
import { randomSecret, uniqueSuffix } from "../../base/ids.ts";
import { isErrno, makePrivateDirectory, syncDirectory, writeWhole } from "../files.ts";
import {
  formatNote,
  formatVerifierKey,
  noteKeyId,
  noteKeyTypes,
  type VerifierKey,
} from "./note.ts";

export interface Signer {
  readonly verifierKey: VerifierKey;
  /** What records beside the events are sealed with: nobody has it who has not the signing key. */
  readonly recordKey: Uint8Array;
  /** The signed note over a text that ends in a line feed. */
  sign(text: string): Promise<string>;
  /** The same without waiting, for what is known inside a transaction only. */
  atOnce(): Promise<(text: string) => string>;
}

/** Where a ledger's key comes from; nothing is read or made before it is asked for. */
export interface KeySource {
  /** Makes the key when there is none. */
  signer(): Promise<Signer>;
  /** Undefined when nothing was ever signed here. */
  verifierKey(): Promise<VerifierKey | undefined>;
  /** As `verifierKey`. */
  recordKey(): Promise<Uint8Array | undefined>;
}

/** PKCS#8 wrapping of a bare Ed25519 seed (RFC 8410). */
const pkcs8Prefix = Uint8Array.fromHex("302e020100300506032b657004220420");
const seedSizeBytes = 32;
const header = "aegis-key-1 ed25519 ";

/** @param name key name and origin, e.g. "aegis.local/0191…" */
export async function createSigner(name: string, seed: Uint8Array): Promise<Signer> {
  const wrapped = new Uint8Array([...pkcs8Prefix, ...seed]);
  const key = await crypto.subtle.importKey("pkcs8", wrapped, "Ed25519", true, ["sign"]);
  const { x = "" } = await crypto.subtle.exportKey("jwk", key);
  const publicKey = Uint8Array.fromBase64(x, { alphabet: "base64url" });
  const keyId = noteKeyId(name, noteKeyTypes.ed25519, publicKey);
  const noteOf = (text: string, bytes: Uint8Array): string =>
    formatNote({ text, signatures: [{ name, keyId, bytes }] });
  return {
    verifierKey: formatVerifierKey(name, noteKeyTypes.ed25519, publicKey),
    recordKey: recordKeyOf(name, seed),
    async sign(text) {
      const message = new TextEncoder().encode(text);
      return noteOf(text, new Uint8Array(await crypto.subtle.sign("Ed25519", key, message)));
    },
    async atOnce() {
      const { createPrivateKey, sign } = await import("node:crypto");
      const own = createPrivateKey({ key: Buffer.from(wrapped), format: "der", type: "pkcs8" });
      return (text) => noteOf(text, new Uint8Array(sign(null, Buffer.from(text), own)));
    },
  };
}

/** Of each ledger its own: a record of one is none of another. */
function recordKeyOf(name: string, seed: Uint8Array): Uint8Array {
  return new Bun.CryptoHasher("sha256", seed).update(`aegis record key 1 ${name}`).digest();
}

/** The key in a file that only its owner may read. It is read once. */
export function keyFile(path: string, name: string): KeySource {
  let signer: Promise<Signer> | undefined;
  return {
    async signer() {
      signer ??= createSigner(
        name,
        guarded(path, () => readSeed(path) ?? makeSeed(path)),
      );
      return signer;
    },
    async verifierKey() {
      const seed = guarded(path, () => readSeed(path));
      return seed === undefined ? undefined : (await createSigner(name, seed)).verifierKey;
    },
    async recordKey() {
      const seed = guarded(path, () => readSeed(path));
      return seed === undefined ? undefined : recordKeyOf(name, seed);
    },
  };
}

/** What a key file with that text would sign with. @throws {AegisError} when it holds no key */
export async function signerOfText(text: string, name: string): Promise<Signer> {
  const seed = seedOf(text);
  if (seed !== undefined) return createSigner(name, seed);
  throw new AegisError("ledger/unavailable", "Cannot use the signing key: it is none");
}

function seedOf(text: string): Uint8Array<ArrayBuffer> | undefined {
  const seed = text.startsWith(header)
    ? fromBase64(text.slice(header.length).trimEnd())
    : undefined;
  return seed?.length === seedSizeBytes ? seed : undefined;
}

function readSeed(path: string): Uint8Array | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    const { mode } = fstatSync(fd);
    if ((mode & 0o077) !== 0) throw unusable(path, "others may read or write it");
    const buffer = new Uint8Array(256);
    const text = new TextDecoder().decode(buffer.subarray(0, readSync(fd, buffer)));
    const seed = seedOf(text);
    if (seed === undefined) throw unusable(path, "it does not hold a key");
    return seed;
  } finally {
    closeSync(fd);
  }
}

/** Whoever links first wins; every other process then reads the winner's key. */
function makeSeed(path: string): Uint8Array {
  const directory = dirname(path);
  const temporary = `${path}.${uniqueSuffix()}`;
  makePrivateDirectory(directory);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const fd = openSync(temporary, flags, 0o600);
  try {
    writeKey(fd);
    linkSync(temporary, path);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  } finally {
    unlinkSync(temporary);
  }
  syncDirectory(directory);
  const seed = readSeed(path);
  if (seed === undefined) throw unusable(path, "it vanished");
  return seed;
}

function writeKey(fd: number): void {
  try {
    writeWhole(fd, Buffer.from(`${header}${randomSecret(seedSizeBytes).toBase64()}\n`));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AegisError) throw error;
    throw unusable(path, error instanceof Error ? error.message : String(error), error);
  }
}

function unusable(path: string, why: string, cause?: unknown): AegisError {
  return new AegisError("ledger/unavailable", `Cannot use the signing key "${path}": ${why}`, {
    hint: "check the file; it must be yours with mode 600",
    cause,
  });
}
