// Trust in a manifest: the files a judgement needs, read once, and what follows from the trust
// mode. In prod every doubt ends the start; in dev it is a warning.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { parseJsonText } from "../../base/json-text.ts";
import { policySizeMaxBytes } from "../../base/limits.ts";
import { type AbsPath, parentOf, resolvePath } from "../../base/paths.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { readAllowList, type TrustedSigner } from "../../control/trust/allow-list.ts";
import { readPublicKey } from "../../control/trust/ed25519.ts";
import {
  type FoundSignature,
  judgeSignature,
  type SignedBy,
  signedByText,
  type Trusted,
} from "../../control/trust/judge.ts";
import { readSignature } from "../../control/trust/signed-bytes.ts";
import type { JsonObject, JsonValue } from "../../model/event.ts";
import type { Manifest } from "../../policy/manifest/parse.ts";
import {
  checkIntegrity,
  readInside,
  readManifest,
  realFolder,
  requireManifestText,
} from "./files.ts";

export interface TrustOptions {
  readonly mode: "dev" | "prod";
  /** The allow-list's file; undefined: none was named. */
  readonly file: AbsPath | undefined;
}

/** A manifest, and the text it was read from: what is judged is what is used. */
export interface JudgedManifest {
  readonly path: AbsPath;
  readonly text: string;
  readonly manifest: Manifest;
}

/**
 * What `aegisd`, `aegis serve` and `aegis run` ask before they start.
 * @returns warnings
 * @throws {AegisError} in prod, for everything but a manifest that is signed by somebody the
 * allow-list names for its publisher, and whose files are the ones it vouches for
 */
export async function requireTrust(
  judged: JudgedManifest,
  { mode, file }: TrustOptions,
): Promise<readonly string[]> {
  if (mode === "prod") {
    const verdict = await judgeInProd(judged, file);
    const flaw = verdict.ok ? filesFlaw(judged) : verdict.error;
    if (flaw !== undefined) throw distrust(flaw);
    return [];
  }
  if (file === undefined) {
    const why = "its signature was not checked: trust mode dev, and no allow-list";
    return [`manifest "${judged.manifest.name}": ${why}`];
  }
  const verdict = await judgeManifestSignature(judged, readTrusted(file));
  const flaw = verdict.ok ? filesFlaw(judged) : verdict.error;
  return flaw === undefined ? [] : [`${flaw}; trust mode dev goes on`];
}

/** The same for a text that is used as it is. @throws {AegisError} also when it is not valid */
export async function requireTrustedText(
  path: AbsPath,
  text: string,
  trust: TrustOptions,
): Promise<readonly string[]> {
  return requireTrust({ path, ...(await requireManifestText(path, text)) }, trust);
}

function filesFlaw({ manifest, path }: JudgedManifest): string | undefined {
  const { problems } = checkIntegrity(manifest, parentOf(path), path);
  return problems.length === 0 ? undefined : `manifest: integrity: ${problems.join("\n  ")}`;
}

/**
 * Signature and publisher as prod wants them, not the files.
 * @throws {AegisError} for an allow-list that cannot be used
 */
export async function judgeInProd(
  judged: JudgedManifest,
  file: AbsPath | undefined,
): Promise<Result<SignedBy, string>> {
  if (file === undefined) return err("manifest: prod mode requires an allow-list (--trust FILE)");
  return judgeManifestSignature(judged, readTrusted(file));
}

/** As typed; the allow-list, or one signer for whoever publishes. */
export interface VerifyWish {
  readonly trust: string | undefined;
  readonly key: string | undefined;
  readonly identity: string | undefined;
  readonly issuer: string | undefined;
  readonly root: string | undefined;
}

/** @returns what to tell: who signed and how many files match, or the first flaw */
export async function verifyManifest(
  path: AbsPath,
  wish: VerifyWish,
  directory: AbsPath,
): Promise<Result<string, string>> {
  const read = await readManifest(path);
  if (!read.ok) return err(read.message);
  const { publisher, name, version } = read.manifest;
  const trusted = trustedByWish(wish, publisher, directory);
  const signed = await judgeManifestSignature({ path, ...read }, trusted);
  if (!signed.ok) return signed;
  const flaw = filesFlaw({ path, ...read });
  if (flaw !== undefined) return err(flaw);
  const { count } = checkIntegrity(read.manifest, parentOf(path), path);
  const files = `${count} ${count === 1 ? "file matches" : "files match"}`;
  const who = signedByText(signed.value);
  return ok(`OK: manifest "${name}" v${version} by ${publisher}, signed by ${who}; ${files}`);
}

function trustedByWish(wish: VerifyWish, publisher: string, directory: AbsPath): Trusted {
  const { trust, key, identity, issuer, root } = wish;
  const ways = [trust, key, identity].filter((way) => way !== undefined);
  if (ways.length !== 1) throw wishUsage("give one of --trust, --key and --identity");
  if ((identity === undefined) !== (issuer === undefined)) {
    throw wishUsage("--identity and --issuer belong together");
  }
  if ((identity === undefined) !== (root === undefined)) {
    throw wishUsage("--identity and --sigstore-root belong together");
  }
  if (trust !== undefined) return readTrusted(resolvePath(directory, trust));
  if (identity !== undefined && issuer !== undefined && root !== undefined) {
    const signer: TrustedSigner = { kind: "identity", publisher, identity, issuer };
    return { signers: [signer], root: requireJson(resolvePath(directory, root)) };
  }
  const file = resolvePath(directory, key ?? "");
  const publicKey = readPublicKey(readGuarded(file));
  if (publicKey === undefined) throw unusable(file, "it holds no Ed25519 public key");
  return { signers: [{ kind: "key", publisher, key: publicKey }], root: undefined };
}

function wishUsage(hint: string): AegisError {
  return new AegisError("usage", "Cannot verify a manifest: nobody says by whom", { hint });
}

/** The signature alone; the error as the format words it. */
async function judgeManifestSignature(
  { path, text, manifest }: JudgedManifest,
  trusted: Trusted,
): Promise<Result<SignedBy, string>> {
  const json = JSON.parse(text) as JsonObject;
  const signature = foundSignature(path, manifest.json.integrity?.signature ?? "");
  if (!signature.ok) return err(`manifest: signature: ${signature.error}`);
  const { publisher } = manifest;
  return judgeSignature({ publisher, json, signature: signature.value }, trusted);
}

function distrust(message: string): AegisError {
  return new AegisError("policy/invalid", message, {
    hint: "docs/manifests.md says what prod asks for; --trust-mode dev does without",
  });
}

const detachedSizeMax = 1024 * 1024;

/** Read without following a link: the manifest's publisher names the file. */
function foundSignature(path: AbsPath, text: string): Result<FoundSignature, string> {
  if (text === "") return ok(undefined);
  const written = readSignature(text);
  if (written.kind === "unreadable") return err(written.why);
  if (written.kind === "ed25519") return ok(written);
  const problems: string[] = [];
  const bytes = readInside(realFolder(parentOf(path)), written.path, problems);
  if (bytes === undefined) return err(problems[0] ?? `${written.path}: missing`);
  if (bytes.length > detachedSizeMax) return err(`${written.path}: it is too large`);
  const content = new TextDecoder().decode(bytes).trim();
  const inner = readSignature(content);
  if (inner.kind === "ed25519") return ok(inner);
  const bundle = jsonOf(content);
  if (bundle !== undefined) return ok({ kind: "bundle", bundle });
  return err(`${written.path}: it is neither a Sigstore bundle nor an Ed25519 signature`);
}

/** The allow-list and the trust root it names, relative to it. */
function readTrusted(file: AbsPath): Trusted {
  const list = readAllowList(requireJson(file));
  if (!list.ok) throw unusable(file, list.error);
  const { signers, rootFile } = list.value;
  if (rootFile === undefined) return { signers, root: undefined };
  return { signers, root: requireJson(resolvePath(parentOf(file), rootFile)) };
}

/** Whoever writes the file decides whom this machine trusts. */
function requireJson(file: AbsPath): JsonValue {
  const value = jsonOf(readGuarded(file));
  if (value === undefined) throw unusable(file, "it is no JSON text");
  return value;
}

/** A file that only its owner, or root, can have written. */
function readGuarded(file: AbsPath): string {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unusable(file, cause instanceof Error ? cause.message : String(cause));
  }
  try {
    const { mode, uid, size } = fstatSync(fd);
    const self = process.getuid?.() ?? 0;
    if (self !== 0 && uid !== self && uid !== 0) throw unusable(file, "it is another user's");
    if ((mode & 0o022) !== 0) throw unusable(file, "others may change it");
    if (size > policySizeMaxBytes) throw unusable(file, "it is too large");
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function jsonOf(text: string): JsonValue | undefined {
  try {
    parseJsonText(text);
  } catch (error) {
    if (error instanceof AegisError) return undefined;
    throw error;
  }
  return JSON.parse(text) as JsonValue;
}

function unusable(file: AbsPath, why: string): AegisError {
  return new AegisError("config/invalid", `Cannot trust by "${file}": ${why}`, {
    hint: "docs/manifests.md has its form",
  });
}
