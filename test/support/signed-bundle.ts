// Signatures of tool policies made by hand, so that they can be wrong.

import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { type TarEntry, tarGz } from "./tar.ts";

export interface SignOptions {
  readonly algorithm?: string;
  /** Of the payload, beside `files`. */
  readonly claims?: object;
  /** Changes what is said of the files. */
  readonly listed?: (files: readonly ListedFile[]) => readonly unknown[];
  /** In the place of `.signatures.json`. */
  readonly content?: (token: string) => string;
  /** What is hashed, byte for byte; default: the entries themselves. */
  readonly signed?: readonly TarEntry[];
}

export interface ListedFile {
  readonly name: string;
  readonly hash: string;
  readonly algorithm: string;
}

export const secret = "0123456789abcdef0123456789abcdef";

export function ecKey(curve = "P-256"): { readonly pem: string; readonly key: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
  return { pem: publicKey.export({ type: "spki", format: "pem" }).toString(), key: privateKey };
}

/** @param key a secret or a private key */
export function signedBundle(
  entries: readonly TarEntry[],
  key: string | KeyObject,
  options: SignOptions = {},
): Uint8Array<ArrayBuffer> {
  const { algorithm = typeof key === "string" ? "HS256" : "ES256", claims = {} } = options;
  const files = (options.signed ?? entries).map(({ path, content = "" }) => {
    const hash = createHash("sha256").update(content).digest("hex");
    return { name: path.replace(/^\//, ""), hash, algorithm: "SHA-256" };
  });
  const listed = options.listed?.(files) ?? files;
  const message = [
    { alg: algorithm, typ: "JWT" },
    { files: listed, ...claims },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const token = `${message}.${signature(message, key, algorithm).toString("base64url")}`;
  const content = options.content?.(token) ?? JSON.stringify({ signatures: [token] });
  return tarGz([...entries, { path: "/.signatures.json", content }]);
}

function signature(message: string, key: string | KeyObject, algorithm: string): Buffer {
  const digest = `sha${algorithm.slice(2)}`;
  if (typeof key === "string") return createHmac("sha256", key).update(message).digest();
  return sign(digest, Buffer.from(message), { key, dsaEncoding: "ieee-p1363" });
}
