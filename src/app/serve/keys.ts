// The API keys a server knows: a file with one line each, `SHA256 ROLE TENANT NAME`. The keys
// themselves are nowhere on this machine.

import type { AbsPath } from "../../base/paths.ts";
import { type CallerFile, type Granted, readCallers } from "./caller-file.ts";

export interface ServedKey extends Granted {
  readonly hash: Uint8Array;
}

const keyFile: CallerFile<Pick<ServedKey, "hash">> = {
  name: "key file",
  form: "SHA256",
  hint: "a key's hash is what `printf %s KEY | sha256sum` prints",
  whoOf: (text) => (/^[0-9a-f]{64}$/.test(text) ? { hash: Uint8Array.fromHex(text) } : undefined),
  shownOf: ({ name }) => `the key of "${name}"`,
};

/** @throws {AegisError} `config/invalid` for lines that are none, or that contradict each other */
export function readKeys(path: AbsPath): readonly ServedKey[] {
  return readCallers(path, keyFile);
}
