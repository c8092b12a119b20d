// The secret that a server seals its tokens with: approvals that wait, sessions that boxes may
// join. One private file beside the ledger's key, shared by every server and launcher of this user.

import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { AegisError } from "../base/errors.ts";
import { randomSecret, uniqueSuffix } from "../base/ids.ts";
import { type AbsPath, resolvePath } from "../base/paths.ts";
import { privateDirectory } from "../config/location.ts";

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
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    if ((fstatSync(fd).mode & 0o077) !== 0) throw unusable(path, "others may read it");
    const bytes = readFileSync(fd);
    if (bytes.length !== secretSizeBytes) throw unusable(path, "it does not hold a secret");
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function unusable(path: AbsPath, why: string): AegisError {
  return new AegisError("config/invalid", `Cannot use "${path}": ${why}`, {
    hint: "remove it: approvals that wait and tokens of sessions then have to be asked for again",
  });
}
