// The file that says whose manifests are taken: for each publisher the keys and identities that
// sign for it. A person who answers for this machine writes it; a mistake in it ends the start.

import * as z from "zod/mini";
import { fromBase64 } from "../../base/hash.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { JsonValue } from "../../model/event.ts";
import type { Identity } from "./sigstore.ts";

export type TrustedSigner =
  | { readonly kind: "key"; readonly publisher: string; readonly key: Uint8Array<ArrayBuffer> }
  | ({ readonly kind: "identity"; readonly publisher: string } & Identity);

export interface AllowList {
  readonly signers: readonly TrustedSigner[];
  /** File with Sigstore's trust root, as written. */
  readonly rootFile: string | undefined;
}

const text = z.string().check(z.minLength(1));
const allowListSchema = z.strictObject({
  signers: z
    .array(
      z.union([
        z.strictObject({ publisher: text, ed25519: text }),
        z.strictObject({ publisher: text, identity: text, issuer: text }),
      ]),
    )
    .check(z.minLength(1)),
  sigstore_root: z.optional(text),
});

export function readAllowList(value: JsonValue): Result<AllowList, string> {
  const parsed = allowListSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join(".") || "the file";
    const forms = "{publisher, ed25519} or {publisher, identity, issuer}";
    return err(
      issue?.code === "invalid_union"
        ? `${field} is neither ${forms}`
        : `${field}: ${issue?.message ?? "invalid"}`,
    );
  }
  const { signers, sigstore_root: rootFile } = parsed.data;
  const known: TrustedSigner[] = [];
  for (const [at, signer] of signers.entries()) {
    if (!("ed25519" in signer)) {
      known.push({ kind: "identity", ...signer });
      continue;
    }
    const key = fromBase64(signer.ed25519);
    if (key?.length !== 32) return err(`signers.${at}.ed25519 is no key: 32 bytes in base64`);
    known.push({ kind: "key", publisher: signer.publisher, key });
  }
  if (rootFile === undefined && known.some(({ kind }) => kind === "identity")) {
    return err("identities need sigstore_root, the file with Sigstore's trust root");
  }
  return ok({ signers: known, rootFile });
}
