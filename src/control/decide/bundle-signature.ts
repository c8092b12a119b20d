// The signature of a tool policy's bundle, as OPA documents it: a token over the hashes of all of
// its files. Whoever runs the server gives the key, whose type says which algorithms it is for, so
// that nobody can have a public key taken for a secret. Files and token may come from anyone.

import {
  constants,
  createHash,
  createHmac,
  createPublicKey,
  type KeyObject,
  type VerifyKeyObjectInput,
  verify,
} from "node:crypto";
import { opaText } from "../../base/canonical-dialects.ts";
import type { AegisError } from "../../base/errors.ts";
import { parseJsonText } from "../../base/json-text.ts";
import type { JsonValue } from "../../model/event.ts";
import { memberOf } from "../../model/json-object.ts";
import { equalInConstantTime } from "../constant-time.ts";
import { isSignatureFile, unusable } from "./bundle.ts";
import type { TarFile } from "./tar.ts";

export type BundleKey =
  | { readonly kind: "secret"; readonly secret: Uint8Array }
  | { readonly kind: "rsa" | "ec"; readonly key: KeyObject; readonly algorithms: Algorithms };

type Algorithms = readonly string[];

const secretAlgorithms: Algorithms = ["HS256", "HS384", "HS512"];
const rsaAlgorithms: Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const curveAlgorithms: Readonly<Record<string, Algorithms>> = {
  prime256v1: ["ES256"],
  secp384r1: ["ES384"],
  secp521r1: ["ES512"],
};
/** RFC 7518 3.2: as long as the hash; whoever has a bundle can try shorter ones. */
const secretSizeMinBytes = 32;
const rsaBitsMin = 2048;

/** Of files; MD5 and SHA-1, which OPA knows as well, can be made to fit another file. */
const hashes: Readonly<Record<string, string>> = {
  "SHA-224": "sha224",
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
  "SHA-512-224": "sha512-224",
  "SHA-512-256": "sha512-256",
};

/**
 * A public key or a certificate in PEM, for RSA or ECDSA; everything else is a secret, to the byte.
 * @param why makes what is thrown of a reason
 */
export function readBundleKey(bytes: Uint8Array, why: (reason: string) => Error): BundleKey {
  const text = new TextDecoder().decode(bytes);
  if (!text.includes("-----BEGIN ")) {
    if (bytes.length >= secretSizeMinBytes) return { kind: "secret", secret: bytes };
    throw why(`a secret has at least ${secretSizeMinBytes} bytes, and it has ${bytes.length}`);
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw why("it is a private key");
  const key = publicKeyIn(text, why);
  const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") {
    if (modulusLength >= rsaBitsMin) return { kind: "rsa", key, algorithms: rsaAlgorithms };
    throw why(`an RSA key has at least ${rsaBitsMin} bits, and it has ${modulusLength}`);
  }
  const algorithms = Object.hasOwn(curveAlgorithms, namedCurve)
    ? curveAlgorithms[namedCurve]
    : undefined;
  if (algorithms !== undefined) return { kind: "ec", key, algorithms };
  throw why("it is a key for neither RSA nor ECDSA on P-256, P-384 or P-521");
}

function publicKeyIn(text: string, why: (reason: string) => Error): KeyObject {
  try {
    return createPublicKey(text);
  } catch {
    // ignored: what the library says of it names no remedy
    throw why("it is no public key in PEM");
  }
}

/**
 * Only a bundle all of whose files, and no others, are in a token that the key signed.
 * @param scope that the token has to be for; empty: for none
 * @throws {AegisError} `policy/invalid`
 */
export function requireSigned(files: readonly TarFile[], key: BundleKey, scope: string): void {
  const payload = signedPayload(tokenIn(files), key);
  const wanted = memberOf(payload, "scope") ?? "";
  if (wanted !== scope) {
    throw unsigned(`it was signed for the scope ${JSON.stringify(wanted)}, not for "${scope}"`);
  }
  const signed = signedFiles(payload);
  for (const file of files) {
    if (isSignatureFile(file)) continue;
    const entry = signed.get(file.path);
    if (entry === undefined) throw unsigned(`"${file.path}" is not among the signed files`);
    signed.delete(file.path);
    if (hashOf(file, entry.algorithm) === entry.hash) continue;
    throw unsigned(`"${file.path}" is not what was signed`);
  }
  const [missing] = signed.keys();
  if (missing !== undefined) throw unsigned(`"${missing}" was signed and is not in it`);
}

function tokenIn(files: readonly TarFile[]): string {
  const [file, another] = files.filter(isSignatureFile);
  if (file === undefined) throw unsigned("it has no .signatures.json");
  if (another !== undefined) throw unsigned("it has more than one .signatures.json");
  const content = jsonIn(file.content);
  const plugin = memberOf(content, "plugin") ?? "";
  if (plugin !== "" && plugin !== "_default") {
    throw unsigned(`only the plugin ${JSON.stringify(plugin)} of OPA can check its signature`);
  }
  const tokens = memberOf(content, "signatures");
  const [token, ...more] = Array.isArray(tokens) ? tokens : [];
  if (typeof token === "string" && more.length === 0) return token;
  throw unsigned(".signatures.json has to hold one token");
}

function signedPayload(token: string, key: BundleKey): JsonValue | undefined {
  const parts = token.split(".");
  const [header, payload, signature] = parts.map(fromBase64Url);
  if (parts.length !== 3 || header === undefined || payload === undefined || !signature) {
    throw unsigned("the token in .signatures.json is none");
  }
  const algorithm = memberOf(jsonIn(header), "alg");
  const fitting = key.kind === "secret" ? secretAlgorithms : key.algorithms;
  if (typeof algorithm !== "string" || !fitting.includes(algorithm)) {
    const [used, known] = [JSON.stringify(algorithm ?? ""), fitting.join(", ")];
    throw unsigned(`it was signed by ${used}, and the key is for ${known}`);
  }
  const message = new TextEncoder().encode(token.slice(0, token.lastIndexOf(".")));
  if (isSignature(key, algorithm, message, signature)) return jsonIn(payload);
  throw unsigned("the key did not sign it");
}

function isSignature(
  key: BundleKey,
  algorithm: string,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const digest = `sha${algorithm.slice(2)}`;
  if (key.kind === "secret") {
    const own = createHmac(digest, key.secret).update(message).digest();
    return equalInConstantTime(own, signature);
  }
  return verify(digest, message, { key: key.key, ...paddingOf(algorithm) }, signature);
}

function paddingOf(algorithm: string): Partial<VerifyKeyObjectInput> {
  switch (algorithm.slice(0, 2)) {
    case "ES":
      return { dsaEncoding: "ieee-p1363" };
    case "PS":
      return {
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      };
    default:
      return { padding: constants.RSA_PKCS1_PADDING };
  }
}

interface SignedFile {
  /** Hexadecimal, in lower case. */
  readonly hash: string;
  readonly algorithm: string;
}

function signedFiles(payload: JsonValue | undefined): Map<string, SignedFile> {
  const listed = memberOf(payload, "files");
  const signed = new Map<string, SignedFile>();
  for (const one of Array.isArray(listed) ? listed : []) {
    const [name, hash, algorithm] = ["name", "hash", "algorithm"].map((of) => memberOf(one, of));
    if (typeof name !== "string" || typeof hash !== "string" || typeof algorithm !== "string") {
      throw unsigned("the token has a file without a name, a hash or its algorithm");
    }
    if (signed.has(name)) throw unsigned(`the token has "${name}" twice`);
    signed.set(name, { hash: hash.toLowerCase(), algorithm });
  }
  return signed;
}

function hashOf({ path, content }: TarFile, algorithm: string): string {
  const name = Object.hasOwn(hashes, algorithm) ? hashes[algorithm] : undefined;
  if (name === undefined) throw unsigned(`"${path}" is signed by the hash "${algorithm}"`);
  const base = path.slice(path.lastIndexOf("/") + 1);
  const isStructured = base === "data.json" || base === ".manifest";
  return createHash(name)
    .update(isStructured ? structured(path, content) : content)
    .digest("hex");
}

/** What it says, however it is written. */
function structured(path: string, content: Uint8Array): string {
  try {
    return opaText(parseJsonText(new TextDecoder("utf-8", { fatal: true }).decode(content)));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unsigned(`"${path}" has no one reading: ${why}`);
  }
}

function jsonIn(content: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content)) as JsonValue;
  } catch {
    // ignored: the error says what is wrong
    throw unsigned("the token in .signatures.json is none");
  }
}

function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  try {
    return Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch {
    // ignored: undefined is the answer
    return undefined;
  }
}

function unsigned(why: string): AegisError {
  return unusable(why, "sign it with `opa sign` by the key that the server was given");
}
