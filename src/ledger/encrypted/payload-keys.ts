// Keys that what clients recorded is encrypted with on the disk: one for each session, derived from
// its tenant's, which is given or derived from a master key. AES-256-GCM; a text says which key it
// was made with, and belongs to the one place in the ledger that it was made for.

import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import * as z from "zod/mini";
import { fromBase64, sha256Hex } from "../../base/hash.ts";
import { randomSecret } from "../../base/ids.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { encryptedPrefix } from "./text.ts";

export interface PayloadKeys {
  /** With the newest key that is the tenant's; undefined when there is none. */
  encrypt(place: Place, text: string): string | undefined;
  /** Undefined for what none of the keys opens, or was encrypted for another place. */
  decrypt(place: Place, text: string): string | undefined;
  /** Whether the key that a text says it was encrypted with is here, be it another tenant's. */
  knows(text: string): boolean;
}

/** Where a text stands; a text of one place is none of another. */
export interface Place {
  readonly tenant: string;
  /** Everything else that says which place it is, the session first. */
  readonly names: readonly [string, ...(readonly (string | number)[])];
}

interface Key {
  readonly id: string;
  /** Undefined: a master key, of which every tenant has its own. */
  readonly tenant: string | undefined;
  readonly bytes: Uint8Array;
}

const keySizeBytes = 32;
const nonceSizeBytes = 12;
const tagSizeBytes = 16;

const keysSchema = z.strictObject({
  keys: z
    .array(
      z.strictObject({ key: z.string(), tenant: z.optional(z.string().check(z.minLength(1))) }),
    )
    .check(z.minLength(1)),
});

/** @param value the key file's: the last key of a tenant, else the last master key, encrypts */
export function readPayloadKeys(value: unknown): Result<PayloadKeys, string> {
  const parsed = keysSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return err(`${issue?.path.join(".") || "the file"}: ${issue?.message ?? "invalid"}`);
  }
  const keys: Key[] = [];
  for (const [at, { key, tenant }] of parsed.data.keys.entries()) {
    const bytes = fromBase64(key);
    if (bytes?.length !== keySizeBytes) return err(`keys.${at}.key is no key: 32 bytes in base64`);
    keys.push({ id: sha256Hex(bytes).slice(0, 16), tenant, bytes });
  }
  return ok(payloadKeys(keys));
}

/** Of the sessions used last. */
const derivedMax = 10_000;

function payloadKeys(keys: readonly Key[]): PayloadKeys {
  const derived = new Map<string, Uint8Array>();

  function sessionKey(key: Key, { tenant, names }: Place): Uint8Array {
    const about = JSON.stringify([key.id, tenant, names[0]]);
    const known = derived.get(about);
    if (known !== undefined) return known;
    const made = derive(key.bytes, `aegis payload key 1 ${about}`);
    derived.set(about, made);
    const [oldest] = derived.keys();
    if (derived.size > derivedMax && oldest !== undefined) derived.delete(oldest);
    return made;
  }

  function newest(tenant: string): Key | undefined {
    const own = keys.findLast((key) => key.tenant === tenant);
    return own ?? keys.findLast((one) => one.tenant === undefined);
  }

  return {
    encrypt(place, text) {
      const key = newest(place.tenant);
      if (key === undefined) return undefined;
      // Random: a transaction that is begun anew must not meet the nonce of the first attempt.
      const nonce = randomSecret(nonceSizeBytes);
      const cipher = createCipheriv("aes-256-gcm", sessionKey(key, place), nonce);
      cipher.setAAD(boundTo(key, place));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      const whole = Buffer.concat([nonce, body, cipher.getAuthTag()]);
      return `${encryptedPrefix}${key.id}:${whole.toString("base64")}`;
    },
    knows(text) {
      const [id = ""] = text.slice(encryptedPrefix.length).split(":", 1);
      return keys.some((one) => one.id === id);
    },
    decrypt(place, text) {
      const [id = "", encoded = ""] = text.slice(encryptedPrefix.length).split(":");
      const key = keys.find((one) => one.id === id && isFor(one, place.tenant));
      const whole = fromBase64(encoded);
      if (key === undefined || whole === undefined) return undefined;
      if (whole.length < nonceSizeBytes + tagSizeBytes) return undefined;
      const nonce = whole.subarray(0, nonceSizeBytes);
      const how = { authTagLength: tagSizeBytes };
      const cipher = createDecipheriv("aes-256-gcm", sessionKey(key, place), nonce, how);
      cipher.setAAD(boundTo(key, place));
      cipher.setAuthTag(whole.subarray(-tagSizeBytes));
      const first = cipher.update(whole.subarray(nonceSizeBytes, -tagSizeBytes));
      try {
        return utf8.decode(Buffer.concat([first, cipher.final()]));
      } catch {
        // ignored: that it is not what was encrypted here is the answer
        return undefined;
      }
    },
  };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function derive(key: Uint8Array, about: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, new Uint8Array(), about, keySizeBytes));
}

function boundTo(key: Key, { tenant, names }: Place): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(["aegis payload 1", key.id, tenant, ...names]));
}

function isFor(key: Key, tenant: string): boolean {
  return key.tenant === undefined || key.tenant === tenant;
}
