// Names of configurations. A name becomes a folder below AEGIS_HOME and the Cedar principal, so it
// can never be a path.

import { AegisError } from "../base/errors.ts";

/** Longest name, characters: leaves room for suffixes in a file name of 255 bytes. */
const nameMax = 60;

/** Names of aegis' own files and folders below AEGIS_HOME. */
const reserved = new Set([
  "wraps",
  "current",
  "daemon",
  "pilot",
  "keys",
  "cache",
  "ledger.db",
  "run",
  "kept",
  "restore",
  "traces.ndjson",
  "policies",
  "profiles",
]);

/** @throws {AegisError} `config/invalid` saying "invalid config name" */
export function requireConfigName(name: string): string {
  const why = problemOf(name);
  if (why === undefined) return name;
  throw new AegisError("config/invalid", `invalid config name "${name}": ${why}`, {
    hint: "use letters, digits, dots, dashes and underscores, for instance my-agent",
  });
}

export function isConfigName(name: string): boolean {
  return problemOf(name) === undefined;
}

/** `text` as the nearest valid name, for names taken from a command or a folder. */
export function toConfigName(text: string): string {
  const cleaned = text.replaceAll(/[^\p{L}\p{N}_.-]/gu, "-").slice(0, nameMax);
  if (problemOf(cleaned) === undefined) return cleaned;
  const rest = cleaned.replaceAll(/^[.-]+/g, "").slice(0, nameMax - "agent-".length);
  return rest === "" ? "agent" : `agent-${rest}`;
}

function problemOf(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name.length > nameMax) return `it is longer than ${nameMax} characters`;
  if (!/^[\p{L}\p{N}_.-]+$/u.test(name)) return "it holds a character that is not allowed";
  if (/^[.-]/.test(name)) return "it begins with a dot or a dash";
  if (reserved.has(name)) return "it is reserved for aegis itself";
  return undefined;
}
