// The text a session ran under, kept so that a later reader can replay its verdicts.

import { sha256Hex } from "../base/hash.ts";

/**
 * A policy source as it was read: a file, a template, a profile, a manifest or flags written as
 * Cedar.
 */
export interface PolicySource {
  readonly kind: "cedar" | "manifest";
  /** Name shown to people: file path, `template:workspace`, `profile:python`, `flags`. */
  readonly name: string;
  readonly text: string;
}

export interface PolicySnapshot {
  /** SHA-256 hex of the sources; see `policySnapshot`. */
  readonly hash: string;
  readonly sources: readonly PolicySource[];
}

/**
 * The sources with their hash: SHA-256 over the sources sorted by name, then kind, in UTF-16 order,
 * each as `kind SP bytes-of-name SP bytes-of-text LF name LF text LF`.
 */
export function policySnapshot(sources: readonly PolicySource[]): PolicySnapshot {
  const sorted = [...sources].sort((a, b) => compare(a.name, b.name) || compare(a.kind, b.kind));
  const texts = sorted.map(({ kind, name, text }) => {
    return `${kind} ${Buffer.byteLength(name)} ${Buffer.byteLength(text)}\n${name}\n${text}\n`;
  });
  return { hash: sha256Hex(texts.join("")), sources };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
