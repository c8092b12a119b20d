// Arguments and variables are bytes, and the engine hands them over as text in which each byte that
// is no UTF-8 became U+FFFD. Where one did, the bytes are read again from the kernel and spelled as
// names of files are (base/byte-text.ts), so that a command gets what was typed. Whoever starts
// aegis chooses both.

import { readFileSync } from "node:fs";
import { hasLoneBytes, textOfBytes } from "../base/byte-text.ts";
import type { Environment } from "../config/location.ts";

/** @param argv what follows the program's own name */
export function ownArguments(argv: readonly string[]): readonly string[] {
  if (!argv.some(hasLoneBytes)) return argv;
  const typed = recordsOf("/proc/self/cmdline").slice(-argv.length);
  return argv.map((text, index) => spelled(text, typed[index]));
}

export function ownEnvironment(environment: Environment): Environment {
  const damaged = Object.entries(environment).filter(([, value]) => hasLoneBytes(value ?? ""));
  if (damaged.length === 0) return environment;
  const records = recordsOf("/proc/self/environ");
  const exact = damaged.map(([name, value]) => {
    const head = `${name}=`;
    const entry = `${head}${value}`;
    const record = records.find((bytes) => lossy.decode(bytes) === entry);
    return [name, spelled(entry, record).slice(head.length)] as const;
  });
  return { ...environment, ...Object.fromEntries(exact) };
}

/** As it was when the bytes are not those of the text: a command refuses to be given it. */
function spelled(text: string, bytes: Uint8Array | undefined): string {
  return bytes !== undefined && lossy.decode(bytes) === text ? textOfBytes(bytes) : text;
}

const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

/** What ends with a NUL each; nothing where the kernel does not tell. */
function recordsOf(path: string): readonly Uint8Array[] {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    // ignored: what cannot be read again stays as it is, and is refused where it would be used
    return [];
  }
  const records: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(0, start);
    const end = found < 0 ? bytes.length : found;
    records.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return records;
}
