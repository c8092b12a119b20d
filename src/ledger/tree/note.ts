// C2SP signed notes: text, an empty line, signature lines. Reads and writes them and their keys;
// what the text says is checkpoint.ts' business. Notes and keys may come from anyone.

import { AegisError } from "../../base/errors.ts";
import { equalBytes, fromBase64, sha256 } from "../../base/hash.ts";

/** Who signs: `name+<key id>+base64(type, public key)`, fit to be handed to other people. */
export type VerifierKey = string;

/** Type bytes of the C2SP signed-note and tlog-cosignature documents. */
export const noteKeyTypes = { ed25519: 0x01, cosignature: 0x04 } as const;
type NoteKeyType = (typeof noteKeyTypes)[keyof typeof noteKeyTypes];

export interface NoteSignature {
  readonly name: string;
  /** Four bytes. */
  readonly keyId: Uint8Array;
  /** What follows the key id: the signature, for cosignatures after their time. */
  readonly bytes: Uint8Array;
}

export interface SignedNote {
  /** Ends in a line feed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface ParsedKey {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly type: NoteKeyType;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

export interface VerifiedNote {
  readonly text: string;
  /** The keys that signed, at least one. Cosignatures carry the witness's time. */
  readonly signers: readonly { readonly name: string; readonly unixSeconds: number | undefined }[];
}

/** More lines than this are somebody playing with our time. */
const signaturesMax = 64;
const dash = "\u2014";

export function formatNote(note: SignedNote): string {
  const lines = note.signatures.map(({ name, keyId, bytes }) => {
    return `${dash} ${name} ${new Uint8Array([...keyId, ...bytes]).toBase64()}\n`;
  });
  return `${note.text}\n${lines.join("")}`;
}

/** @throws {AegisError} `ledger/tampered` when it is not a note; signatures are not checked here */
export function parseNote(note: string): SignedNote {
  const cut = note.lastIndexOf("\n\n");
  const lines = note.slice(cut + 2).split("\n");
  if (cut < 1 || !note.isWellFormed() || hasControls(note)) throw malformed("it is not a note");
  if (lines.pop() !== "" || lines.length === 0) throw malformed("its last line is cut off");
  if (lines.length > signaturesMax) throw malformed(`over ${signaturesMax} signatures`);
  return { text: note.slice(0, cut + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [mark, name = "", text = "", ...rest] = line.split(" ");
  const bytes = fromBase64(text);
  const isComplete = bytes !== undefined && bytes.length > 4;
  if (mark !== dash || !isNoteName(name) || !isComplete || rest.length > 0) {
    throw malformed(`its signature line is not one: ${JSON.stringify(line.slice(0, 80))}`);
  }
  return { name, keyId: bytes.subarray(0, 4), bytes: bytes.subarray(4) };
}

/**
 * Checks every signature whose key is known; lines of unknown keys are skipped, as the note format
 * wants.
 * @throws {AegisError} `ledger/tampered` when a known key's signature is wrong or none is known
 */
export async function verifyNote(
  note: string,
  keys: readonly VerifierKey[],
): Promise<VerifiedNote> {
  const parsed = parseNote(note);
  const known = keys.map(parseVerifierKey);
  const signers: { readonly name: string; readonly unixSeconds: number | undefined }[] = [];
  for (const signature of parsed.signatures) {
    const key = known.find(
      ({ name, keyId }) => name === signature.name && equalBytes(keyId, signature.keyId),
    );
    if (key === undefined) continue;
    const signed = signedPart(key, signature, parsed.text);
    if (signed === undefined || !(await checkEd25519(key.publicKey, signed))) {
      throw malformed(`the signature of ${key.name} is wrong`);
    }
    signers.push({ name: key.name, unixSeconds: signed.unixSeconds });
  }
  if (signers.length === 0) throw malformed("no known key signed it");
  return { text: parsed.text, signers };
}

/** Whether a signature says that it is by `key`, be it right or wrong. */
export function namesKey(note: string, key: VerifierKey): boolean {
  const { name, keyId } = parseVerifierKey(key);
  return parseNote(note).signatures.some(
    (one) => one.name === name && equalBytes(one.keyId, keyId),
  );
}

interface SignedPart {
  readonly message: string;
  readonly signature: Uint8Array;
  readonly unixSeconds: number | undefined;
}

function signedPart(
  key: ParsedKey,
  { bytes }: NoteSignature,
  text: string,
): SignedPart | undefined {
  if (key.type === noteKeyTypes.ed25519) {
    if (bytes.length !== 64) return undefined;
    return { message: text, signature: bytes, unixSeconds: undefined };
  }
  if (bytes.length !== 72) return undefined;
  const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  const message = `cosignature/v1\ntime ${time}\n${text}`;
  return { message, signature: bytes.subarray(8), unixSeconds: Number(time) };
}

async function checkEd25519(
  publicKey: Uint8Array<ArrayBuffer>,
  part: SignedPart,
): Promise<boolean> {
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  const message = new TextEncoder().encode(part.message);
  return crypto.subtle.verify("Ed25519", key, new Uint8Array(part.signature), message);
}

/** First four bytes of SHA-256(name, LF, type, public key). */
export function noteKeyId(name: string, type: NoteKeyType, publicKey: Uint8Array): Uint8Array {
  const prefix = new TextEncoder().encode(`${name}\n`);
  return sha256(new Uint8Array([...prefix, type, ...publicKey])).subarray(0, 4);
}

export function formatVerifierKey(
  name: string,
  type: NoteKeyType,
  publicKey: Uint8Array,
): VerifierKey {
  const keyId = noteKeyId(name, type, publicKey);
  return `${name}+${keyId.toHex()}+${new Uint8Array([type, ...publicKey]).toBase64()}`;
}

/** @throws {AegisError} `ledger/tampered` when it is not a key, or its id is not its own */
export function parseVerifierKey(text: VerifierKey): ParsedKey {
  const [name = "", id = "", ...encoded] = text.split("+");
  const bytes = fromBase64(encoded.join("+"));
  const type = Object.values(noteKeyTypes).find((known) => known === bytes?.[0]);
  if (!isNoteName(name) || bytes?.length !== 33 || type === undefined) {
    throw malformed(`${JSON.stringify(text)} is not a verifier key`);
  }
  const publicKey = bytes.slice(1);
  const keyId = noteKeyId(name, type, publicKey);
  if (keyId.toHex() !== id) throw malformed(`the verifier key of ${name} has another id`);
  return { name, keyId, type, publicKey };
}

/** Key names and origins: not empty, no space of any alphabet, no plus sign. */
export function isNoteName(name: string): boolean {
  return name !== "" && name.isWellFormed() && !/[\s+\u0085]/.test(name);
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== 0x0a) return true;
  }
  return false;
}

function malformed(why: string): AegisError {
  return new AegisError("ledger/tampered", `Cannot accept the signed note: ${why}`);
}
