// Keys of publishers, and signing a manifest with one. The private half is in a file that only its
// owner can read; it is never printed.

import { chmodSync, realpathSync, statSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { replaceFile } from "../../config/files.ts";
import { readSecretFile } from "../../config/secret-file.ts";
import {
  keyIdOf,
  newPrivatePem,
  publicPem,
  readPrivatePem,
  type SigningKey,
} from "../../control/trust/ed25519.ts";
import { signedBytes, withSignature, writeSignature } from "../../control/trust/signed-bytes.ts";
import type { JsonObject } from "../../model/event.ts";
import { refuseExisting, writeNewFile } from "../write-new-file.ts";
import { requireManifestText } from "./files.ts";

export interface PublisherKey {
  readonly keyId: string;
  readonly publicKey: Uint8Array;
}

/** Writes FILE, mode 0600, and FILE.pub. @throws {AegisError} `config/exists` */
export async function makeSigningKey(path: AbsPath): Promise<PublisherKey> {
  const publicPath = resolvePath(path, `../${nameOf(path)}.pub`);
  refuseExisting(publicPath);
  const pem = newPrivatePem();
  const key = await readPrivatePem(pem);
  if (key === undefined) throw unusable(path, "it was made wrong");
  writeNewFile(path, pem);
  writeNewFile(publicPath, publicPem(key.publicKey));
  chmodSync(publicPath, 0o644);
  return { keyId: keyIdOf(key.publicKey), publicKey: key.publicKey };
}

export interface SignedFile extends PublisherKey {
  /** Where the signature stands: in the manifest, or in a file beside it. */
  readonly place: string;
}

/**
 * Signs what the manifest says now, in the place of an earlier signature.
 * @param detached into a file beside the manifest, which then names it
 */
export async function signManifest(
  path: AbsPath,
  keyPath: AbsPath,
  detached: boolean,
): Promise<SignedFile> {
  const key = await readSigningKey(keyPath);
  const real = resolvePath(path, realpathSync(path));
  const { text } = await requireManifestText(real);
  const json = JSON.parse(text) as JsonObject;
  const keyId = keyIdOf(key.publicKey);
  const signature = writeSignature(keyId, await key.sign(signedBytes(json)));
  const name = `${nameOf(real)}.sig`;
  if (detached) replaceKeepingMode(resolvePath(real, `../${name}`), `${signature}\n`, real);
  const written = withSignature(json, detached ? name : signature);
  replaceKeepingMode(real, `${JSON.stringify(written, undefined, 2)}\n`, real);
  const { publicKey } = key;
  return { keyId, publicKey, place: detached ? name : "integrity.signature" };
}

/** The exact bytes a signature covers, for tools that sign themselves. */
export async function bytesToSign(path: AbsPath): Promise<Uint8Array> {
  const { text } = await requireManifestText(path);
  return signedBytes(JSON.parse(text) as JsonObject);
}

/** Others have to be able to read a manifest as they could before. */
function replaceKeepingMode(path: AbsPath, content: string, like: AbsPath): void {
  const { mode } = statSync(like);
  replaceFile(path, content);
  chmodSync(path, mode & 0o777);
}

async function readSigningKey(path: AbsPath): Promise<SigningKey> {
  const key = await readPrivatePem(readSecretFile(path, (why) => unusable(path, why)));
  if (key === undefined) throw unusable(path, "it holds no Ed25519 private key");
  return key;
}

function nameOf(path: AbsPath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function unusable(path: AbsPath, why: string): AegisError {
  return new AegisError("config/invalid", `Cannot sign with "${path}": ${why}`, {
    hint: "`aegis manifest keygen FILE` makes a key; it must be yours with mode 600",
  });
}
