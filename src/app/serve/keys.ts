// The API keys a server knows: a file with one line each, `SHA256 ROLE TENANT NAME`. The keys
// themselves are nowhere on this machine.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { AegisError } from "../../base/errors.ts";
import type { AbsPath } from "../../base/paths.ts";

export const keyRoles = ["agent", "approver", "admin", "monitor"] as const;

export interface ServedKey {
  readonly hash: Uint8Array;
  readonly role: (typeof keyRoles)[number];
  /** Undefined, `*` in the file: every tenant. */
  readonly tenant: string | undefined;
  readonly name: string;
}

/** @throws {AegisError} `config/invalid` naming the line */
export function readKeys(path: AbsPath): readonly ServedKey[] {
  const lines = readPrivate(path).split("\n");
  const keys = lines.flatMap((line, at) => {
    const text = line.trim();
    return text === "" || text.startsWith("#") ? [] : [keyOf(text, path, at + 1)];
  });
  if (keys.length > 0) return keys;
  throw invalid(path, "it has no keys");
}

function keyOf(line: string, path: AbsPath, at: number): ServedKey {
  const [hash = "", role, tenant = "", name = "", ...rest] = line.split(/\s+/);
  const known = keyRoles.find((one) => one === role);
  const isSound = /^[0-9a-f]{64}$/.test(hash) && tenant !== "" && name !== "" && rest.length === 0;
  if (!isSound || known === undefined) {
    throw invalid(path, `line ${at} is not "SHA256 ${keyRoles.join("|")} TENANT|* NAME"`);
  }
  const ofTenant = tenant === "*" ? undefined : tenant;
  return { hash: Uint8Array.fromHex(hash), role: known, tenant: ofTenant, name };
}

function readPrivate(path: AbsPath): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY);
  } catch (cause) {
    throw invalid(path, cause instanceof Error ? cause.message : String(cause));
  }
  try {
    if ((fstatSync(fd).mode & 0o022) !== 0) throw invalid(path, "others may change it");
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function invalid(path: AbsPath, why: string): AegisError {
  return new AegisError("config/invalid", `Cannot use the key file "${path}": ${why}`, {
    hint: "a key's hash is what `printf %s KEY | sha256sum` prints",
  });
}
