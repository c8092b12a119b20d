// Who calls a port of this program, and from where: holders of keys, which are kept as hashes and
// compared in constant time, and pages in browsers, which are told apart by Host and Origin.

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

/** What requests may call a server, in lower case: this machine's own names and the given one. */
export function hostNames(hostname: string, port: number): ReadonlySet<string> {
  const own = hostname.includes(":") ? `[${hostname}]` : hostname;
  const names = ["localhost", "127.0.0.1", "[::1]", own];
  return new Set(
    names.flatMap((name) => [name, `${name}:${port}`]).map((name) => name.toLowerCase()),
  );
}

/** A page whose name was made to point here calls us by that name. */
export function foreignHost(headers: Headers, hosts: ReadonlySet<string>): string | undefined {
  const host = (headers.get("Host") ?? "").toLowerCase();
  return hosts.has(host) ? undefined : `host "${host}" is not served here`;
}

/** A page in a browser says where it is from; programs do not. */
export function foreignOrigin(headers: Headers, hosts: ReadonlySet<string>): string | undefined {
  const origin = headers.get("Origin");
  if (origin === null) return undefined;
  const isOwn = [...hosts].some((own) => origin === `http://${own}` || origin === `https://${own}`);
  return isOwn ? undefined : "requests of other pages are not answered";
}
