// Records beside the events, sealed with a key that the database does not hold: an answer under an
// idempotency key, an approval, the steps of a session. Whoever writes to the database can neither
// change one nor make one. Pure.

import { equalBytes, fromBase64 } from "../../base/hash.ts";
import type { LogRecord } from "./contract.ts";

/** Kinds that are sealed; the others say nothing that cannot be checked by itself. */
export const sealedKinds: ReadonlySet<string> = new Set(["approval", "idempotency", "steps"]);

/** What stands for a record that cannot be trusted; it is no JSON, and no record's own text. */
export const unprovenRecord = "";

/** `aegis-record-1:SEAL:JSON`, with 32 bytes in base64. No JSON text begins so. */
const prefix = "aegis-record-1:";
const sealLength = 44;

/** @returns what is stored instead of the record's JSON */
export function sealedRecord(record: LogRecord, key: Uint8Array): string {
  return `${prefix}${sealOf(record, key).toBase64()}:${record.json}`;
}

/** The record's JSON; undefined where nobody with this key sealed it as that record. */
export function openedRecord({ kind, key: name, json: stored }: LogRecord, key: Uint8Array) {
  if (!isSealed(stored)) return undefined;
  const seal = fromBase64(stored.slice(prefix.length, prefix.length + sealLength));
  const json = withoutSeal(stored);
  const isOurs = seal !== undefined && equalBytes(sealOf({ kind, key: name, json }, key), seal);
  const isWhole = stored[prefix.length + sealLength] === ":";
  return isOurs && isWhole ? json : undefined;
}

/** What it says, whoever sealed it. */
export function withoutSeal(stored: string): string {
  return isSealed(stored) ? stored.slice(prefix.length + sealLength + 1) : stored;
}

export function isSealed(stored: string): boolean {
  return stored.startsWith(prefix);
}

function sealOf({ kind, key, json }: LogRecord, secret: Uint8Array): Uint8Array {
  return new Bun.CryptoHasher("sha256", secret).update(JSON.stringify([kind, key, json])).digest();
}
