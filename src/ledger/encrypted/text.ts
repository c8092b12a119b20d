// How an encrypted text is told from one that is not, by those who have no keys. Pure.

import { AegisError } from "../../base/errors.ts";

/** `aegis-sealed-1:KEYID:BASE64` of nonce, ciphertext and tag. No JSON text begins so. */
export const encryptedPrefix = "aegis-sealed-1:";

const prefixBytes = new TextEncoder().encode(encryptedPrefix);

export function isEncrypted(body: Uint8Array): boolean {
  return body.length > prefixBytes.length && prefixBytes.every((byte, at) => body[at] === byte);
}

/** Of a record's JSON; undefined where it is not encrypted. */
export function encryptedTextOf(json: string): string | undefined {
  return json.startsWith(`"${encryptedPrefix}`) ? json.slice(1, -1) : undefined;
}

/** Somebody without its key asked what it says. @param what "event 12" */
export function stillEncrypted(what: string, body: Uint8Array): AegisError {
  const id = new TextDecoder().decode(body.subarray(prefixBytes.length, prefixBytes.length + 16));
  const why = `it is encrypted, and payload key ${id} is not there or does not open it`;
  return new AegisError("ledger/encrypted", `Cannot read ${what}: ${why}`, {
    hint: "set AEGIS_PAYLOAD_KEYS to the server's file of payload keys, old ones included",
  });
}

/** The record that says: what clients send to this ledger is encrypted. */
export const payloadsMarker = { kind: "payload-keys", key: "required" } as const;

export function keysMissing(): AegisError {
  const why = "what its clients record is encrypted, and there are no payload keys";
  return new AegisError("ledger/encrypted", `Cannot write to the ledger: ${why}`, {
    hint: "set AEGIS_PAYLOAD_KEYS, or for a server --payload-keys, to the file of them",
  });
}
