// What SQLite's errors mean for a ledger. After an I/O error, a full disk or corruption nobody
// knows what reached the disk, so the handle is done for.

import { SQLiteError } from "bun:sqlite";
import { AegisError } from "../../base/errors.ts";

const hints: readonly (readonly [code: RegExp, hint: string])[] = [
  [/^SQLITE_(BUSY|LOCKED)/, "another process is writing to it; try again"],
  [/^SQLITE_FULL/, "free some disk space, then run `aegis audit verify`"],
  [/^SQLITE_(READONLY|PERM|CANTOPEN|AUTH)/, "check that you own the file and its folder"],
  [/^SQLITE_(NOTADB|CORRUPT)/, "restore it from a copy, and run `aegis audit verify` on that"],
  [/^SQLITE_IOERR/, "check the disk, then run `aegis audit verify`"],
  [/^E[A-Z]+$/, "check that its folder is there, and that you may write to it"],
];

/** @param action e.g. `append to the ledger` */
export function unavailable(action: string, path: string, error: unknown): AegisError {
  if (error instanceof AegisError) return error;
  const code = codeOf(error);
  const hint = hints.find(([pattern]) => pattern.test(code))?.[1];
  const detail = error instanceof Error ? error.message : String(error);
  return new AegisError("ledger/unavailable", `Cannot ${action} "${path}": ${detail}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

/** Somebody else holds the lock: nothing was done and it may be tried again. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));
}

/** A read, a write or a flush failed; SQLite does not say which to everybody. */
export function isInputOutput(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_IOERR");
}

export function isFull(error: unknown): boolean {
  return codeOf(error) === "SQLITE_FULL";
}

/** A guard trigger or constraint refused a row that is fine by the ledger's own account. */
export function isConstraint(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_CONSTRAINT");
}

function codeOf(error: unknown): string {
  if (error instanceof SQLiteError) return error.code ?? "";
  const isSystem = error instanceof Error && "syscall" in error && "code" in error;
  return isSystem ? String(error.code) : "";
}
