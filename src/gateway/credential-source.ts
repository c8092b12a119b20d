// Where real secrets come from: the environment of aegis, a file nobody else can read, or what a
// program prints. None of them is shown to the box, and no message holds one.

import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { AegisError } from "../base/errors.ts";
import { randomSecret } from "../base/ids.ts";
import { secretCommandMs, secretMaxBytes } from "../base/limits.ts";
import type { Credential, CredentialSpec } from "./credential.ts";

/**
 * Reads the secret and invents its placeholder.
 *
 * @param variable the environment of aegis
 * @throws {AegisError} `config/invalid` when there is no usable secret
 */
export function loadCredential(
  { name, source, places }: CredentialSpec,
  variable: (name: string) => string | undefined,
): Credential {
  const fail = (why: string): AegisError =>
    new AegisError("config/invalid", `Cannot use credential "${name}": ${why}`);
  const secret = readSecret(source, variable, fail).replace(/\r?\n$/, "");
  if (secret === "") throw fail("its source is empty");
  if (secret.length > secretMaxBytes) throw fail(`its source has over ${secretMaxBytes} bytes`);
  // A line end in it could add a header field of its own to a request.
  if (!/^[\x20-\x7e]+$/.test(secret)) throw fail("its source holds more than one line of ASCII");
  return { name, secret, places, placeholder: `aegis_${randomSecret(placeholderSize).toHex()}` };
}

const placeholderSize = 20;

function readSecret(
  source: CredentialSpec["source"],
  variable: (name: string) => string | undefined,
  fail: (why: string) => AegisError,
): string {
  switch (source.kind) {
    case "variable": {
      const value = variable(source.name);
      if (value === undefined) throw fail(`the variable "${source.name}" is not set`);
      return value;
    }
    case "file":
      return readPrivateFile(source.path, fail);
    case "command":
      return outputOf(source.argv, fail);
  }
}

function readPrivateFile(path: string, fail: (why: string) => AegisError): string {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    throw fail(`"${path}" cannot be read`);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw fail(`"${path}" is no file`);
    if ((stat.mode & 0o077) !== 0) throw fail(`"${path}" can be read by others: chmod 600`);
    if (stat.size > secretMaxBytes) throw fail(`"${path}" has over ${secretMaxBytes} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function outputOf(argv: readonly string[], fail: (why: string) => AegisError): string {
  const [program = ""] = argv;
  try {
    const { exitCode, stdout } = Bun.spawnSync([...argv], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: secretCommandMs,
      maxBuffer: secretMaxBytes,
    });
    if (exitCode === 0) return stdout.toString();
    throw fail(`"${program}" ended with ${exitCode ?? "a signal"}`);
  } catch (error) {
    throw error instanceof AegisError ? error : fail(`"${program}" cannot be started`);
  }
}
