// Where real secrets come from: the environment of aegis, a file nobody else can read, or what a
// program prints. None of them is shown to the box, and no message holds one.

import { AegisError } from "../base/errors.ts";
import { randomSecret } from "../base/ids.ts";
import { secretCommandMs, secretMaxBytes } from "../base/limits.ts";
import type { Credential, CredentialSpec } from "./credential.ts";

/** What a secret is read by. */
export interface SecretSources {
  /** Of the environment of aegis. */
  variable(name: string): string | undefined;
  /** The text of a file that its owner alone may read; throws what `refused` makes of a reason. */
  file(path: string, refused: (why: string) => AegisError): string;
}

/**
 * Reads the secret and invents its placeholder.
 * @throws {AegisError} `config/invalid` when there is no usable secret
 */
export function loadCredential(
  { name, source, places }: CredentialSpec,
  sources: SecretSources,
): Credential {
  const fail = (why: string, hint?: string): AegisError =>
    new AegisError("config/invalid", `Cannot use credential "${name}": ${why}`, { hint });
  const secret = readSecret(source, sources, fail).replace(/\r?\n$/, "");
  if (secret === "") throw fail("its source is empty");
  if (secret.length > secretMaxBytes) throw fail(`its source has over ${secretMaxBytes} bytes`);
  // A line end in it could add a header field of its own to a request.
  if (!/^[\x20-\x7e]+$/.test(secret)) throw fail("its source holds more than one line of ASCII");
  return { name, secret, places, placeholder: `aegis_${randomSecret(placeholderSize).toHex()}` };
}

const placeholderSize = 20;

function readSecret(
  source: CredentialSpec["source"],
  { variable, file }: SecretSources,
  fail: (why: string, hint?: string) => AegisError,
): string {
  switch (source.kind) {
    case "variable": {
      const value = variable(source.name);
      if (value === undefined) throw fail(`the variable "${source.name}" is not set`);
      return value;
    }
    case "file":
      return file(source.path, (why) =>
        fail(`"${source.path}": ${why}`, "it is yours with mode 600"),
      );
    case "command":
      return outputOf(source.argv, fail);
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
