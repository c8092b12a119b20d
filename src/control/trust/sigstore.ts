// Sigstore bundles, checked offline against a trust root that is given: certificate chain,
// certificate transparency, transparency log, time and signature. Who signed is returned, not
// judged. Bundles are anybody's. Loaded only where there is one.

import { bundleFromJSON, ValidationError } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import {
  PolicyError,
  toSignedEntity,
  toTrustMaterial,
  VerificationError,
  Verifier,
} from "@sigstore/verify";
import { err, ok, type Result } from "../../base/result.ts";
import type { JsonValue } from "../../model/event.ts";

export interface Identity {
  /** E-mail address or URI in the certificate. */
  readonly identity: string;
  /** Who vouched for it, as Fulcio wrote it into the certificate. */
  readonly issuer: string;
}

/** One of each: an inclusion in a log, a log of certificates, a time that somebody vouches for. */
const thresholds = { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 };

/** @param root a trusted_root.json */
export function verifyBundle(
  bundle: JsonValue,
  bytes: Uint8Array,
  root: JsonValue,
): Result<Identity, string> {
  const material = materialOf(root);
  if (!material.ok) return material;
  try {
    const read = bundleFromJSON(bundle);
    if (read.content.$case !== "messageSignature") {
      return err("the bundle signs an attestation, not the manifest");
    }
    if (read.verificationMaterial.content.$case === "publicKey") {
      return err("the bundle names a key and no identity");
    }
    const entity = toSignedEntity(read, Buffer.from(bytes));
    const { identity } = new Verifier(material.value, thresholds).verify(entity);
    const { subjectAlternativeName: name, extensions } = identity ?? {};
    const issuer = extensions?.issuer;
    if (name === undefined || issuer === undefined || name === "" || issuer === "") {
      return err("the certificate has no identity or no issuer");
    }
    return ok({ identity: name, issuer });
  } catch (error) {
    return err(reasonOf(error));
  }
}

function materialOf(root: JsonValue): Result<ReturnType<typeof toTrustMaterial>, string> {
  const mediaType =
    typeof root === "object" && root !== null && "mediaType" in root && root.mediaType;
  if (!String(mediaType).startsWith("application/vnd.dev.sigstore.trustedroot")) {
    return err("the trust root cannot be read: it is no trusted_root.json");
  }
  try {
    return ok(toTrustMaterial(TrustedRoot.fromJSON(root), noKeys));
  } catch (error) {
    return err(`the trust root cannot be read: ${textOf(error)}`);
  }
}

function noKeys(): never {
  throw new VerificationError({ code: "PUBLIC_KEY_ERROR", message: "no keys are known" });
}

const reasons: Readonly<Record<string, string>> = {
  TIMESTAMP_ERROR: "no trusted time",
  CERTIFICATE_ERROR: "the certificate",
  SIGNATURE_ERROR: "the signature",
  TLOG_ERROR: "the transparency log",
  TLOG_BODY_ERROR: "the transparency log's entry",
  TLOG_INCLUSION_PROMISE_ERROR: "the transparency log's promise",
  TLOG_INCLUSION_PROOF_ERROR: "the transparency log's proof",
  TLOG_MISSING_INCLUSION_ERROR: "the transparency log",
};

/** Every failure on the way is a refusal, also one that the library did not foresee. */
function reasonOf(error: unknown): string {
  if (error instanceof VerificationError || error instanceof PolicyError) {
    const inner = error.cause instanceof Error ? ` (${error.cause.message})` : "";
    return `${reasons[error.code] ?? error.code}: ${error.message}${inner}`;
  }
  if (error instanceof ValidationError) return `the bundle cannot be read: ${error.message}`;
  return `the bundle cannot be checked: ${textOf(error)}`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
