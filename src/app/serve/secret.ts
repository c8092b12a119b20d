// The secret that a server seals its tokens with: approvals that wait, sessions that boxes may
// join, sessions of MCP clients. One private file beside the ledger's key, shared by every server
// and launcher of this user.

import { closeSync, constants, linkSync, openSync, unlinkSync, writeSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import { randomSecret, uniqueSuffix } from "../../base/ids.ts";
import { type AbsPath, resolvePath } from "../../base/paths.ts";
import { privateDirectory } from "../../config/location.ts";
import { readSecretIfPresent } from "../../config/secret-file.ts";

const secretSizeBytes = 32;

/** Made once; whoever links first wins. @throws {AegisError} `config/invalid` */
export function serverSecret(keys: AbsPath): Uint8Array {
  const path = secretPath(keys);
  const known = readSecret(path);
  if (known !== undefined) return known;
  privateDirectory(resolvePath(path, ".."));
  const temporary = `${path}.${uniqueSuffix()}`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const fd = openSync(temporary, flags, 0o600);
  try {
    writeSync(fd, randomSecret(secretSizeBytes));
  } finally {
    closeSync(fd);
  }
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(temporary);
  }
  const made = readSecret(path);
  if (made === undefined) throw unusable(path, "it vanished");
  return made;
}

/** Undefined where no server ever ran. @throws {AegisError} `config/invalid` */
export function knownServerSecret(keys: AbsPath): Uint8Array | undefined {
  return readSecret(secretPath(keys));
}

function secretPath(keys: AbsPath): AbsPath {
  return resolvePath(keys, "approval.secret");
}

function readSecret(path: AbsPath): Uint8Array | undefined {
  const bytes = readSecretIfPresent(path, (why) => unusable(path, why));
  if (bytes === undefined || bytes.length === secretSizeBytes) return bytes;
  throw unusable(path, "it does not hold a secret");
}

function unusable(path: AbsPath, why: string): AegisError {
  return new AegisError("config/invalid", `Cannot use "${path}": ${why}`, {
    hint: "remove it: approvals that wait and tokens of sessions then have to be asked for again",
  });
}
