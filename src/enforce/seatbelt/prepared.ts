// A prepared box as bytes, for the plan cache: the profile with a gap for the tag of each launch,
// what the numbers in its messages stand for, and where to watch for changes. The cache proves the
// bytes are ours; a wrong shape is still refused.

import { AegisError } from "../../base/errors.ts";
import type { AuditLevel } from "../backend.ts";
import type { DenialReason } from "./plan.ts";
import type { ProfileText } from "./sbpl.ts";

export interface PreparedProfile {
  /** Undefined: nothing is confined (`wrap`). */
  readonly profile: ProfileText | undefined;
  readonly denials: readonly DenialReason[];
  /** Directories whose changes are recorded, none inside another. */
  readonly roots: readonly string[];
  readonly audit: AuditLevel;
}

const version = 1;

export function encodePrepared(prepared: PreparedProfile): Uint8Array {
  const { profile, denials, roots, audit } = prepared;
  const pieces = profile?.pieces ?? null;
  return new TextEncoder().encode(JSON.stringify({ version, pieces, denials, roots, audit }));
}

/**
 * @throws {AegisError} `internal` when the bytes were not made by `encodePrepared` of this version
 */
export function decodePrepared(bytes: Uint8Array): PreparedProfile {
  const value = parse(bytes);
  if (!isPrepared(value)) throw unreadable();
  const { pieces, denials, roots, audit } = value;
  return { profile: pieces === null ? undefined : { pieces }, denials, roots, audit };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause?: unknown): AegisError {
  return new AegisError("internal", "Cannot launch a prepared box: its plan has another form", {
    hint: "remove the plan cache below AEGIS_HOME",
    cause,
  });
}

interface Encoded {
  readonly version: typeof version;
  readonly pieces: readonly string[] | null;
  readonly denials: readonly DenialReason[];
  readonly roots: readonly string[];
  readonly audit: AuditLevel;
}

function isPrepared(value: unknown): value is Encoded {
  if (!isRecord(value) || value.version !== version) return false;
  const { pieces, denials, roots, audit } = value;
  return (
    (pieces === null || isStrings(pieces)) &&
    isStrings(roots) &&
    (audit === "full" || audit === "writes" || audit === "off") &&
    Array.isArray(denials) &&
    denials.every(
      (denial) =>
        isRecord(denial) && typeof denial.rule === "string" && typeof denial.reason === "string",
    )
  );
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
