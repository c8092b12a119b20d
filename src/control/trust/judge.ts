// Is a manifest signed by somebody who may sign for its publisher? Files were read before; nothing
// here touches a disk. Every doubt is a no.

import { err, ok, type Result } from "../../base/result.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import type { TrustedSigner } from "./allow-list.ts";
import { keyIdOf, verifyEd25519 } from "./ed25519.ts";
import { signedBytes } from "./signed-bytes.ts";
import type { Identity } from "./sigstore.ts";

export interface SignedManifest {
  readonly publisher: string;
  readonly json: JsonObject;
  readonly signature: FoundSignature;
}

/** Undefined: there is none. */
export type FoundSignature =
  | {
      readonly kind: "ed25519";
      readonly keyId: string;
      readonly signature: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: "bundle"; readonly bundle: JsonValue }
  | undefined;

export interface Trusted {
  readonly signers: readonly TrustedSigner[];
  /** Sigstore's trust root; undefined: none was given. */
  readonly root: JsonValue | undefined;
}

export type SignedBy =
  | { readonly kind: "key"; readonly keyId: string }
  | ({ readonly kind: "identity" } & Identity);

/** The error is a text for people, as the format words it. */
export async function judgeSignature(
  { publisher, json, signature }: SignedManifest,
  { signers, root }: Trusted,
): Promise<Result<SignedBy, string>> {
  const own = signers.filter((signer) => signer.publisher === publisher);
  if (own.length === 0) return err(`manifest: publisher "${publisher}" not in allowlist`);
  if (signature === undefined) return err("manifest: prod mode requires a cosign signature");
  const bytes = signedBytes(json);
  if (signature.kind === "ed25519") {
    for (const signer of own) {
      if (signer.kind !== "key" || keyIdOf(signer.key) !== signature.keyId) continue;
      if (await verifyEd25519(signer.key, bytes, signature.signature)) {
        return ok({ kind: "key", keyId: signature.keyId });
      }
      return err(`manifest: signature: it is not key ${signature.keyId}'s for this content`);
    }
    const why = `key ${signature.keyId} may not sign for "${publisher}"`;
    return err(`manifest: signature: ${why}`);
  }
  if (root === undefined) return err("manifest: signature: a trust root for bundles is missing");
  const { verifyBundle } = await import("./sigstore.ts");
  const verified = verifyBundle(signature.bundle, bytes, root);
  if (!verified.ok) return err(`manifest: signature: ${verified.error}`);
  const { identity, issuer } = verified.value;
  const isKnown = own.some(
    (signer) =>
      signer.kind === "identity" && signer.identity === identity && signer.issuer === issuer,
  );
  if (isKnown) return ok({ kind: "identity", identity, issuer });
  const who = `"${identity}" of "${issuer}"`;
  return err(`manifest: signature: ${who} may not sign for "${publisher}"`);
}

export function signedByText(by: SignedBy): string {
  return by.kind === "key" ? `key ${by.keyId}` : `${by.identity} (${by.issuer})`;
}
