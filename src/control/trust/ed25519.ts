// Ed25519 keys of publishers in the PEM forms that openssl reads and writes, and what is done with
// them. Web Crypto does the work.

import { AegisError } from "../../base/errors.ts";
import { fromBase64, sha256Hex } from "../../base/hash.ts";
import { randomSecret } from "../../base/ids.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** PKCS#8 around a bare seed, and SubjectPublicKeyInfo around a bare public key (RFC 8410). */
const pkcs8Prefix = Uint8Array.fromHex("302e020100300506032b657004220420");
const spkiPrefix = Uint8Array.fromHex("302a300506032b6570032100");
const keySizeBytes = 32;

export interface SigningKey {
  readonly publicKey: Bytes;
  sign(bytes: Bytes): Promise<Bytes>;
}

/** What a signature says about its key: a hint which one to try, no proof. */
export function keyIdOf(publicKey: Uint8Array): string {
  return sha256Hex(publicKey).slice(0, 16);
}

/** @returns a private key's PEM text */
export function newPrivatePem(): string {
  return pem("PRIVATE KEY", new Uint8Array([...pkcs8Prefix, ...randomSecret(keySizeBytes)]));
}

export function publicPem(publicKey: Uint8Array): string {
  return pem("PUBLIC KEY", new Uint8Array([...spkiPrefix, ...publicKey]));
}

/** Undefined when the text is no Ed25519 private key in PKCS#8. */
export async function readPrivatePem(text: string): Promise<SigningKey | undefined> {
  const der = readPem("PRIVATE KEY", text);
  if (der === undefined || bareKey(der, pkcs8Prefix) === undefined) return undefined;
  const key = await crypto.subtle.importKey("pkcs8", der, "Ed25519", true, ["sign"]);
  // The public half is part of what Web Crypto exports, and of nothing else it gives.
  const { x = "" } = await crypto.subtle.exportKey("jwk", key);
  const publicKey = Uint8Array.fromBase64(x, { alphabet: "base64url" });
  return {
    publicKey,
    sign: async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytes)),
  };
}

/** The public key of a PEM text or of 32 bytes in base64; undefined for everything else. */
export function readPublicKey(text: string): Bytes | undefined {
  const der = readPem("PUBLIC KEY", text);
  if (der !== undefined) return bareKey(der, spkiPrefix);
  const bytes = fromBase64(text.trim());
  return bytes?.length === keySizeBytes ? bytes : undefined;
}

export async function verifyEd25519(
  publicKey: Bytes,
  bytes: Bytes,
  signature: Bytes,
): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, signature, bytes);
  } catch (cause) {
    throw new AegisError("policy/invalid", "Cannot check a signature: the key is no Ed25519 key", {
      cause,
    });
  }
}

function pem(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${der.toBase64()}\n-----END ${label}-----\n`;
}

function readPem(label: string, text: string): Bytes | undefined {
  const expression = new RegExp(`^-----BEGIN ${label}-----\\s([\\s\\S]+)-----END ${label}-----$`);
  const body = expression.exec(text.trim())?.[1];
  return body === undefined ? undefined : fromBase64(body.replace(/\s+/g, ""));
}

function bareKey(der: Uint8Array, prefix: Uint8Array): Bytes | undefined {
  if (der.length !== prefix.length + keySizeBytes) return undefined;
  if (prefix.some((byte, at) => der[at] !== byte)) return undefined;
  return new Uint8Array(der.slice(prefix.length));
}
