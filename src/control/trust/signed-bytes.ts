// Which bytes a manifest's signature covers, and how `integrity.signature` is written. Publishers
// write manifests; nothing in one is trusted. Pure.

import { canonicalJson } from "../../base/canonical-json.ts";
import { fromBase64 } from "../../base/hash.ts";
import type { JsonObject } from "../../model/event.ts";
import { isObject } from "../../model/json-object.ts";
import { pathFlaw } from "../../policy/manifest/declared-path.ts";

/**
 * The RFC 8785 form of the whole manifest without `integrity.signature`, and without an `integrity`
 * that holds nothing else: the same before and after it is signed.
 */
export function signedBytes(manifest: JsonObject): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalJson(withSignature(manifest, undefined)));
}

/** The manifest with this signature; the order of what is there stays. */
export function withSignature(manifest: JsonObject, signature: string | undefined): JsonObject {
  const { integrity, ...others } = manifest;
  const { signature: _, ...rest } = isObject(integrity) ? integrity : {};
  const after = signature === undefined ? rest : { ...rest, signature };
  if (integrity !== undefined && !isObject(integrity)) return manifest;
  if (Object.keys(after).length === 0) return others;
  return integrity === undefined
    ? { ...others, integrity: after }
    : { ...manifest, integrity: after };
}

/** What `integrity.signature`, or the file it names, says. */
export type WrittenSignature =
  | {
      readonly kind: "ed25519";
      readonly keyId: string;
      readonly signature: Uint8Array<ArrayBuffer>;
    }
  /** A file beside the manifest. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "unreadable"; readonly why: string };

const inline = /^ed25519:([0-9a-f]{16}):(.*)$/s;

export function readSignature(text: string): WrittenSignature {
  const [, keyId, encoded = ""] = inline.exec(text) ?? [];
  if (keyId === undefined) {
    if (text.startsWith("ed25519:")) return { kind: "unreadable", why: "it is cut or mistyped" };
    const flaw = pathFlaw(text);
    return flaw === undefined
      ? { kind: "file", path: text }
      : { kind: "unreadable", why: `the path ${flaw}` };
  }
  const signature = fromBase64(encoded);
  if (signature?.length === 64) return { kind: "ed25519", keyId, signature };
  return { kind: "unreadable", why: "it does not hold 64 bytes in base64" };
}

export function writeSignature(keyId: string, signature: Uint8Array): string {
  return `ed25519:${keyId}:${signature.toBase64()}`;
}
