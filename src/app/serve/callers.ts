// Who calls a port of this program: the holder of a key. Keys are kept as hashes and compared in
// constant time.

import { timingSafeEqual } from "node:crypto";
import { sha256 } from "../../base/hash.ts";

/** Undefined: the request has no key, or none that is known. */
export function keyHolder<K extends { readonly hash: Uint8Array }>(
  headers: Headers,
  keys: readonly K[],
): K | undefined {
  const given = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(headers.get("Authorization") ?? "")?.[1];
  const text = given ?? headers.get("X-API-Key") ?? "";
  const hash = sha256(text);
  let found: K | undefined;
  // All of them, so that the time tells nothing about which one is nearly right.
  for (const key of keys) if (timingSafeEqual(hash, key.hash)) found = key;
  return text === "" ? undefined : found;
}
